import {
  constants,
  createDecipheriv,
  createCipheriv,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

let cloud: TestCloud
let vaultId: string
let wrapping: Answered
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeReplicatedVault(cloud)
  wrapping = await cloud.call(cloud.a, 'GET', '/20180608/wrappingKeys', undefined, { host: vaultId })
  await cloud.settle()
})
afterAll(() => {
  cloud.close()
})

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const
function oaepWrapped(material: Uint8Array, publicKey = String(wrapping.body['publicKey'])): Buffer {
  return publicEncrypt({ key: publicKey, ...oaep }, material)
}
function kwpWrapped(material: Uint8Array): Buffer {
  const ephemeral = randomBytes(32)
  const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, Buffer.from('a65959a6', 'hex'))
  return Buffer.concat([oaepWrapped(ephemeral), cipher.update(material), cipher.final()])
}
function kwpUnwrapped(privateKey: string, blob: Buffer, modulusBytes: number): Buffer {
  const ephemeral = privateDecrypt({ key: privateKey, ...oaep }, blob.subarray(0, modulusBytes))
  const decipher = createDecipheriv('id-aes256-wrap-pad', ephemeral, Buffer.from('a65959a6', 'hex'))
  return Buffer.concat([decipher.update(blob.subarray(modulusBytes)), decipher.final()])
}

type Scheme = 'RSA_OAEP_SHA256' | 'RSA_OAEP_AES_SHA256'
const aes256 = { algorithm: 'AES', length: 32 }
function importKey(blob: Buffer, wrappingAlgorithm: Scheme, more: object = {}): Promise<Answered> {
  const wrappedImportKey = { keyMaterial: blob.toString('base64'), wrappingAlgorithm }
  const body = { compartmentId: cloud.tenancyId, displayName: 'imported', keyShape: aes256, wrappedImportKey, ...more }
  return cloud.call(cloud.a, 'POST', '/20180608/keys/import', body, { host: vaultId })
}
function exportKey(keyId: unknown, publicKey: string, algorithm: Scheme, more: object = {}): Promise<Answered> {
  return cloud.call(cloud.a, 'POST', '/20180608/exportKey', { keyId, publicKey, algorithm, ...more }, { host: vaultId })
}
const refusal = { status: 400, body: { code: 'InvalidParameter' } }

test('the wrapping key is one RSA-4096 key, the same at the replica, and in no listing', async () => {
  const { body } = wrapping
  expect(body).toMatchObject({ lifecycleState: 'ENABLED', vaultId, compartmentId: cloud.tenancyId })
  expect(createPublicKey(String(body['publicKey'])).asymmetricKeyDetails?.modulusLength).toBe(4096)
  for (const region of [cloud.a, cloud.b]) {
    const again = await cloud.call(region, 'GET', '/20180608/wrappingKeys', undefined, { host: vaultId })
    expect(again.body).toEqual(body)
    const list = await cloud.call(region, 'GET', `/20180608/keys?compartmentId=${cloud.tenancyId}`, undefined, {
      host: vaultId,
    })
    expect(list.list.map(({ id }) => id)).not.toContain(body['id'])
  }
  expect(
    (await cloud.call(cloud.a, 'GET', `/20180608/keys/${String(body['id'])}`, undefined, { host: vaultId })).status,
  ).toBe(404)
})

test.each([
  ['RSA_OAEP_SHA256', 16],
  ['RSA_OAEP_SHA256', 32],
  ['RSA_OAEP_AES_SHA256', 24],
  ['RSA_OAEP_AES_SHA256', 32],
] as const)(
  'AES comes in by %s, %s bytes, encrypts here and in the replica, and goes out as it was',
  async (scheme, length) => {
    const material = randomBytes(length)
    const blob = scheme === 'RSA_OAEP_SHA256' ? oaepWrapped(material) : kwpWrapped(material)
    const key = await importKey(blob, scheme, { keyShape: { algorithm: 'AES', length }, protectionMode: 'SOFTWARE' })
    expect(key).toMatchObject({
      status: 200,
      body: { lifecycleState: 'ENABLED', keyShape: { algorithm: 'AES', length } },
    })
    await cloud.settle()
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    expect((await decrypt(cloud, cloud.b, vaultId, key.body['id'], ciphertext)).status).toBe(200)
    const version = await cloud.call(
      cloud.a,
      'GET',
      `/20180608/keys/${String(key.body['id'])}/keyVersions/${String(key.body['currentKeyVersion'])}`,
      undefined,
      { host: vaultId },
    )
    expect(version.body).toMatchObject({ origin: 'EXTERNAL' })
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    const whole = await exportKey(key.body['id'], publicKey, 'RSA_OAEP_AES_SHA256')
    expect(whole.body).toMatchObject({ keyId: key.body['id'], keyVersionId: key.body['currentKeyVersion'], vaultId })
    expect(whole.body['timeCreated']).toBe(version.body['timeCreated'])
    expect(kwpUnwrapped(privateKey, Buffer.from(String(whole.body['encryptedKey']), 'base64'), 256)).toEqual(material)
    const oneLine = publicKey.replace(/\n/g, '')
    const direct = await exportKey(key.body['id'], oneLine, 'RSA_OAEP_SHA256')
    expect(
      privateDecrypt({ key: privateKey, ...oaep }, Buffer.from(String(direct.body['encryptedKey']), 'base64')),
    ).toEqual(material)
  },
)

test('RSA comes in as PKCS#8 and signs; its public key is derived', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  const keyShape = { algorithm: 'RSA', length: 256 }
  const key = await importKey(kwpWrapped(der), 'RSA_OAEP_AES_SHA256', { keyShape })
  expect(key.status).toBe(200)
  const version = `/20180608/keys/${String(key.body['id'])}/keyVersions/${String(key.body['currentKeyVersion'])}`
  const { body } = await cloud.call(cloud.a, 'GET', version, undefined, { host: vaultId })
  expect(createPublicKey(String(body['publicKey'])).equals(publicKey)).toBe(true)
  const signature = createSign('sha256').update('m').sign(privateKey, 'base64')
  const details = {
    keyId: key.body['id'],
    keyVersionId: key.body['currentKeyVersion'],
    message: Buffer.from('m').toString('base64'),
    signature,
    signingAlgorithm: 'SHA_256_RSA_PKCS1_V1_5',
  }
  const verified = await cloud.call(cloud.b, 'POST', '/20180608/verify', details, { host: vaultId })
  await cloud.settle()
  expect((await cloud.call(cloud.b, 'POST', '/20180608/verify', details, { host: vaultId })).body).toEqual({
    isSignatureValid: true,
  })
  expect([200, 404]).toContain(verified.status)
})

test('a version comes in and is the current one; versions made here and brought along mix', async () => {
  const key = await makeKey(cloud, vaultId)
  const first = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
  const target = `/20180608/keys/${String(key.body['id'])}/keyVersions/import`
  const wrappedImportKey = {
    keyMaterial: oaepWrapped(randomBytes(32)).toString('base64'),
    wrappingAlgorithm: 'RSA_OAEP_SHA256',
  }
  const version = await cloud.call(cloud.a, 'POST', target, { wrappedImportKey }, { host: vaultId })
  expect(version).toMatchObject({ status: 200, body: { origin: 'EXTERNAL', lifecycleState: 'ENABLED' } })
  await cloud.settle()
  const found = await cloud.call(cloud.b, 'GET', `/20180608/keys/${String(key.body['id'])}`, undefined, {
    host: vaultId,
  })
  expect(found.body['currentKeyVersion']).toBe(version.body['id'])
  expect((await decrypt(cloud, cloud.b, vaultId, key.body['id'], first)).status).toBe(200)
  const short = { ...wrappedImportKey, keyMaterial: oaepWrapped(randomBytes(16)).toString('base64') }
  expect(await cloud.call(cloud.a, 'POST', target, { wrappedImportKey: short }, { host: vaultId })).toMatchObject(
    refusal,
  )
})

describe('an import is refused', () => {
  const ecdsa = { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' }
  test.each([
    ['material of another length', () => importKey(oaepWrapped(randomBytes(16)), 'RSA_OAEP_SHA256')],
    ['ECDSA', () => importKey(kwpWrapped(randomBytes(32)), 'RSA_OAEP_AES_SHA256', { keyShape: ecdsa })],
    ['random bytes', () => importKey(randomBytes(512), 'RSA_OAEP_SHA256')],
    ['nothing', () => importKey(Buffer.alloc(0), 'RSA_OAEP_AES_SHA256')],
    ['half a blob', () => importKey(kwpWrapped(randomBytes(32)).subarray(0, 520), 'RSA_OAEP_AES_SHA256')],
    [
      'AES bytes as RSA',
      () =>
        importKey(kwpWrapped(randomBytes(32)), 'RSA_OAEP_AES_SHA256', { keyShape: { algorithm: 'RSA', length: 256 } }),
    ],
    [
      'RSA by OAEP alone',
      () => importKey(oaepWrapped(randomBytes(32)), 'RSA_OAEP_SHA256', { keyShape: { algorithm: 'RSA', length: 256 } }),
    ],
  ])('for %s', async (_name, attempt) => {
    const before = await cloud.call(cloud.a, 'GET', `/20180608/vaults/${vaultId}/usage`)
    expect(await attempt()).toMatchObject(refusal)
    expect((await cloud.call(cloud.a, 'GET', `/20180608/vaults/${vaultId}/usage`)).body).toEqual(before.body)
  })

  test('under the wrapping key of another vault', async () => {
    const other = await makeVault(cloud)
    const { body } = await cloud.call(cloud.a, 'GET', '/20180608/wrappingKeys', undefined, { host: other })
    expect(await importKey(oaepWrapped(randomBytes(32), String(body['publicKey'])), 'RSA_OAEP_SHA256')).toMatchObject(
      refusal,
    )
  })
})

describe('an export is refused', () => {
  const { publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  test('for an HSM key, whatever is asked', async () => {
    const { body } = await makeKey(cloud, vaultId)
    for (const scheme of ['RSA_OAEP_SHA256', 'RSA_OAEP_AES_SHA256'] as const)
      expect(await exportKey(body['id'], publicKey, scheme)).toMatchObject(refusal)
  })

  test('for a public key that is none', async () => {
    const { body } = await makeKey(cloud, vaultId, { protectionMode: 'SOFTWARE' })
    const { publicKey: small } = generateKeyPairSync('rsa', {
      modulusLength: 1024,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })
    for (const pem of ['x', small, String(ec), publicKey.slice(0, 200)])
      expect(await exportKey(body['id'], pem, 'RSA_OAEP_AES_SHA256')).toMatchObject(refusal)
  })
})

test('two requests at once get the same wrapping key', async () => {
  const own = await makeVault(cloud)
  const get = () => cloud.call(cloud.a, 'GET', '/20180608/wrappingKeys', undefined, { host: own })
  const [one, two] = await Promise.all([get(), get()])
  expect(one.status).toBe(200)
  expect(two.body).toEqual(one.body)
})
