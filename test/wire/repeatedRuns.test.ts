import type { Arrivals } from '../../lib/http/arrivals.ts'
import { decrypt, encrypt, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'

/** A replica runs a crypto call once more where a record of the key lay in its inbox: it must compute on what was sent. */
const plaintext = Buffer.from('a plaintext that nobody may lose').toString('base64')
const zeros = Buffer.alloc(32).toString('base64')

let cloud: TestCloud
let vaultId: string
let keyId: unknown
let runs: number

beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeReplicatedVault(cloud)
  keyId = (await makeKey(cloud, vaultId)).body['id']
  await cloud.settle()
  const { arrivals } = cloud.b.runtime as unknown as { arrivals: { stored?: Arrivals['stored'] } }
  arrivals.stored = (ids) => {
    if (!ids.includes(vaultId)) return undefined
    runs += 1
    return Promise.resolve()
  }
})
beforeEach(() => {
  runs = 0
})
afterEach(() => {
  expect(runs).toBe(1)
})
afterAll(() => {
  cloud.close()
})

async function shown(region: TestCloud['a'], ciphertext: unknown): Promise<unknown> {
  return (await decrypt(cloud, region, vaultId, keyId, ciphertext)).body['plaintext']
}

test('what the replica encrypts is what was sent', async () => {
  const ciphertext = await encrypt(cloud, cloud.b, vaultId, keyId, plaintext)
  expect(await shown(cloud.a, ciphertext)).toBe(plaintext)
})

test('what the replica decrypts is what was encrypted', async () => {
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId, plaintext)
  expect(await shown(cloud.b, ciphertext)).toBe(plaintext)
})

test('a data key that the replica makes is the one in its ciphertext', async () => {
  const details = { keyId, includePlaintextKey: true, keyShape: { algorithm: 'AES', length: 32 } }
  const { body } = await cloud.call(cloud.b, 'POST', '/20180608/generateDataEncryptionKey', details, { host: vaultId })
  expect(body['plaintext']).not.toBe(zeros)
  expect(await shown(cloud.a, body['ciphertext'])).toBe(body['plaintext'])
})

test('what the replica signs is what was sent', async () => {
  const made = await makeKey(cloud, vaultId, { keyShape: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' } })
  await cloud.settle()
  const asked = { keyId: made.body['id'], message: plaintext, messageType: 'RAW', signingAlgorithm: 'ECDSA_SHA_256' }
  const { body } = await cloud.call(cloud.b, 'POST', '/20180608/sign', asked, { host: vaultId })
  const verify = { ...asked, keyVersionId: body['keyVersionId'], signature: body['signature'] }
  const verified = await cloud.call(cloud.a, 'POST', '/20180608/verify', verify, { host: vaultId })
  expect(verified.body).toMatchObject({ isSignatureValid: true })
})
