import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** A refusal names what this operation takes, on this key, and nothing that would be refused next. */

let cloud: TestCloud
let vaultId: string
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
})
afterAll(() => {
  cloud.close()
})

function post(target: string, body: unknown): Promise<Answered> {
  return cloud.call(cloud.a, 'POST', `/20180608/${target}`, body, { host: vaultId })
}

async function keyId(keyShape: object): Promise<unknown> {
  return (await makeKey(cloud, vaultId, { keyShape })).body['id']
}

const aes = { algorithm: 'AES', length: 32 }
const rsa = { algorithm: 'RSA', length: 256 }
const p256 = { algorithm: 'ECDSA', length: 32 }

const textOf = ({ status, body }: Answered) => {
  expect([status, body['code']]).toEqual([400, 'InvalidParameter'])
  return String(body['message'])
}

test('a data key is an AES key', async () => {
  const details = { keyId: await keyId(aes), includePlaintextKey: true }
  for (const keyShape of [{ algorithm: 'AES_256', length: 32 }, rsa, p256]) {
    const text = textOf(await post('generateDataEncryptionKey', { ...details, keyShape }))
    expect(text).toContain('AES')
    expect(text).not.toMatch(/RSA|ECDSA/)
  }
})

test('an imported key is an AES or an RSA key', async () => {
  const wrappedImportKey = { keyMaterial: 'AAAA', wrappingAlgorithm: 'RSA_OAEP_SHA256' }
  const details = { compartmentId: cloud.tenancyId, displayName: 'k', wrappedImportKey }
  const text = textOf(await post('keys/import', { ...details, keyShape: p256 }))
  expect(text).toContain('expected ("AES" | "RSA")')
  expect(text).not.toContain('ECDSA')
})

test('Encrypt and Decrypt name the algorithms of the key', async () => {
  const [ofAes, ofRsa] = [await keyId(aes), await keyId(rsa)]
  const calls = ['encrypt', 'decrypt']
  for (const name of calls) {
    const using = (id: unknown, encryptionAlgorithm: string) =>
      post(name, { keyId: id, plaintext: 'aGk=', ciphertext: 'aGk=', encryptionAlgorithm })
    const aesText = textOf(await using(ofAes, 'RSA_OAEP_SHA_1'))
    expect(aesText).toMatch(/takes AES_256_GCM\.$/)
    const rsaText = textOf(await using(ofRsa, 'AES_256_GCM'))
    expect(rsaText).toMatch(/takes RSA_OAEP_SHA_1, RSA_OAEP_SHA_256\.$/)
  }
})

test('Sign and Verify name the algorithms of the key', async () => {
  const ids = [await keyId(rsa), await keyId(p256)]
  const [ofRsa, ofCurve] = ids
  const sign = (id: unknown, signingAlgorithm: string) => post('sign', { keyId: id, message: 'aGk=', signingAlgorithm })
  const rsaText = textOf(await sign(ofRsa, 'ECDSA_SHA_256'))
  expect(rsaText).toContain('SHA_512_RSA_PKCS1_V1_5')
  expect(rsaText).not.toContain('ECDSA_SHA')
  for (const wrong of ['ECDSA_SHA_384', 'SHA_256_RSA_PKCS_PSS'])
    expect(textOf(await sign(ofCurve, wrong))).toMatch(/takes ECDSA_SHA_256\.$/)
})

test('an RSA ciphertext of a former version asks for keyVersionId, and opens with it', async () => {
  const id = await keyId(rsa)
  const { body: made } = await post('encrypt', { keyId: id, plaintext: 'aGk=' })
  await post(`keys/${String(id)}/keyVersions`, {})
  const { ciphertext, keyVersionId } = made
  const text = textOf(await post('decrypt', { keyId: id, ciphertext }))
  expect(text).toContain('keyVersionId')
  expect(text).not.toMatch(/associatedData/i)
  expect((await post('decrypt', { keyId: id, ciphertext, keyVersionId })).body['plaintext']).toBe('aGk=')
})

test('material says in which form it came, where that is a usual slip', async () => {
  const { body } = await cloud.call(cloud.a, 'GET', '/20180608/wrappingKeys', undefined, { host: vaultId })
  const key = createPublicKey(String(body['publicKey']))
  const bring = (material: Buffer) => {
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    const keyMaterial = publicEncrypt({ key, padding, oaepHash: 'sha256' }, material).toString('base64')
    const wrappedImportKey = { keyMaterial, wrappingAlgorithm: 'RSA_OAEP_SHA256' }
    return post('keys/import', { compartmentId: cloud.tenancyId, displayName: 'k', keyShape: aes, wrappedImportKey })
  }
  const secret = randomBytes(32)
  expect(textOf(await bring(Buffer.from(secret.toString('hex'))))).toContain('as hexadecimal text; wrap the raw bytes')
  expect(textOf(await bring(Buffer.from(`${secret.toString('base64')}\n`)))).toContain(
    'as base64 text; wrap the raw bytes',
  )
  expect(textOf(await bring(secret.subarray(1)))).toContain('gives no key of this shape')
  expect(await bring(secret)).toMatchObject({ status: 200 })
})

test.each([
  ['PUT', '/20160918/users/x/capabilities', 'capabilities'],
  ['PUT', '/20160918/users/x/state', 'states'],
  ['POST', '/20160918/users/x/uiPassword', 'passwords'],
  ['POST', '/20160918/users/x/mfaTotpDevices', 'MFA'],
  ['GET', '/20160918/users/x/authTokens', 'tokens'],
  ['POST', '/20160918/tagNamespaces/x/actions/addLock', 'locks of tag namespaces'],
  ['POST', '/20160918/tags/actions/bulkEdit', 'changing many tags'],
  ['POST', '/20160918/tagDefaults/x/actions/addLock', 'locks of tag defaults'],
  ['GET', '/20160918/taggingWorkRequests', 'lists of work requests about tags'],
  ['GET', '/20180608/secrets', 'secrets'],
  ['GET', '/20190301/secretbundles/x', 'secrets'],
])('%s %s is known and not offered: 501 with a sentence', async (method, path, what) => {
  const answer = await cloud.call(cloud.a, method, path)
  expect(answer).toMatchObject({ status: 501, body: { code: 'MethodNotImplemented' } })
  expect(answer.body['message']).toMatch(new RegExp(`^Not offered by this service: .*${what}.*\\.$`))
})

test('a limit of zero does not say that something may be deleted', async () => {
  const limited = await twoRegions({
    serviceLimits: { virtualVaults: 1, privateVaults: 0, versionsPerVirtualVault: 1, versionsPerPrivateVault: 0 },
  })
  const make = (vaultType: string) =>
    limited.call(limited.a, 'POST', '/20180608/vaults', {
      compartmentId: limited.tenancyId,
      displayName: 'v',
      vaultType,
    })
  const privately = await make('VIRTUAL_PRIVATE')
  expect(privately.body['code']).toBe('LimitExceeded')
  expect(privately.body['message']).not.toContain('delete')
  const first = await make('DEFAULT')
  expect(String((await make('DEFAULT')).body['message'])).toContain('delete one')
  const key = await makeKey(limited, String(first.body['id']), { keyShape: rsa })
  expect(key.body['code']).toBe('LimitExceeded')
  expect(key.body['message']).not.toContain('delete')
  limited.close()
})

test('a list of vaults shows when they are deleted', async () => {
  const own = await makeVault(cloud)
  const { body } = await cloud.call(cloud.a, 'POST', `/20180608/vaults/${own}/actions/scheduleDeletion`, {})
  const { list } = await cloud.call(cloud.a, 'GET', `/20180608/vaults?compartmentId=${cloud.tenancyId}`)
  expect(list.find(({ id }) => id === own)?.['timeOfDeletion']).toBe(body['timeOfDeletion'])
  expect(list.find(({ id }) => id === vaultId)?.['timeOfDeletion']).toBeNull()
})

describe('automatic rotation', () => {
  const rotation = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 90 } }
  const update = (id: unknown, body: object) =>
    cloud.call(cloud.a, 'PUT', `/20180608/keys/${String(id)}`, body, { host: vaultId })

  test('does not begin for a key that is DISABLED', async () => {
    const id = await keyId(aes)
    await post(`keys/${String(id)}/actions/disable`, undefined)
    expect(await update(id, rotation)).toMatchObject({ status: 409, body: { code: 'IncorrectState' } })
    expect(await update(id, { displayName: 'other' })).toMatchObject({ status: 200 })
  })

  test('has no next time when it is off', async () => {
    const id = await keyId(aes)
    const { body: on } = await update(id, rotation)
    expect(on['autoKeyRotationDetails']).toMatchObject({ timeOfNextRotation: expect.any(String) as string })
    const { body: off } = await update(id, { isAutoRotationEnabled: false })
    expect(off['autoKeyRotationDetails']).toMatchObject({ timeOfNextRotation: null, rotationIntervalInDays: 90 })
  })
})
