import { startWatching, stopWatching, watch } from './plaintext/plaintextWatch.ts'

// First: what is imported below is bound to what is watched.
startWatching()
afterAll(stopWatching)
const { decrypt, encrypt, makeKey, makeVault } = await import('../harness/vaultStory.ts')
const { twoRegions } = await import('../harness/twoRegions.ts')
type Cloud = Awaited<ReturnType<typeof twoRegions>>

const plaintext = Buffer.from('a plaintext that nobody may keep')
const asText = plaintext.toString('base64')
let cloud: Cloud
let vaultId: string
let keyId: unknown
let ciphertext: unknown

beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
  keyId = (await makeKey(cloud, vaultId)).body['id']
  ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId, asText)
})
afterAll(() => {
  cloud.close()
})

const calls: Record<string, () => Promise<unknown>> = {
  Encrypt: () => encrypt(cloud, cloud.a, vaultId, keyId, asText),
  'Encrypt with a key that is not there': () => encrypt(cloud, cloud.a, vaultId, String(keyId).slice(0, -1), asText),
  Decrypt: () => decrypt(cloud, cloud.a, vaultId, keyId, ciphertext),
  'Decrypt of what was altered': () => decrypt(cloud, cloud.a, vaultId, keyId, String(ciphertext).replace(/.=*$/, 'A')),
  GenerateDataEncryptionKey: () => dataKey(false),
}

function dataKey(includePlaintextKey: boolean) {
  const details = { keyId, includePlaintextKey, keyShape: { algorithm: 'AES', length: 32 } }
  return cloud.call(cloud.a, 'POST', '/20180608/generateDataEncryptionKey', details, { host: vaultId })
}

/** An answer is text, and so is what was sent. */
const isHeld = (line: string) => line.startsWith('bytes')

test.each(Object.entries(calls))('%s leaves no plaintext in the process, whichever call fails', async (_name, call) => {
  const { calls: count, left } = await watch(call, { known: [plaintext] })
  const all = [...left]
  for (let failing = 0; failing < count; failing++)
    all.push(...(await watch(call, { known: [plaintext], failing })).left.map((line) => `${line} (${failing})`))
  expect(all.filter(isHeld)).toEqual([])
})
