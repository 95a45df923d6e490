import { KmsCryptoClient, KmsManagementClient } from 'oci-keymanagement'
import { allowReplication, base64, makeVault, ociCloud, replicate, shapes, type OciCloud } from '../ociCloud.ts'
import { quickHttpClient } from './quickClient.ts'

/** What the replica has could be served, and is not the state that the primary has answered. */
const keysPerChange = 60
const clientsAtOnce = 4
/** As long as it takes: how fast this machine is decides nothing here. */
const arrivalsMs = 110_000
const plaintext = base64('hello')

let oci: OciCloud
let keys: KmsManagementClient
let source: KmsCryptoClient
let replica: KmsCryptoClient
let replicaKeys: KmsManagementClient

beforeAll(async () => {
  oci = await ociCloud({ arrivalsMs, cryptoAudit: 'off' })
  await allowReplication(oci)
  const vault = await makeVault(oci)
  const httpClient = quickHttpClient(oci)
  keys = new KmsManagementClient({ httpClient })
  keys.endpoint = vault.managementEndpoint
  source = new KmsCryptoClient({ httpClient })
  source.endpoint = vault.cryptoEndpoint
  const endpoints = await replicate(oci, vault.id)
  replica = new KmsCryptoClient({ httpClient })
  replica.endpoint = endpoints.crypto
  replicaKeys = new KmsManagementClient({ httpClient })
  replicaKeys.endpoint = endpoints.management
})

afterAll(() => oci.close())

async function makeKey(): Promise<string> {
  const createKeyDetails = { compartmentId: oci.tenancyId, displayName: 'key', keyShape: shapes.aes256 }
  return (await keys.createKey({ createKeyDetails })).key.id
}

const encrypt = (keyId: string) => replica.encrypt({ encryptDataDetails: { keyId, plaintext } })

/** Runs it for many keys, some at a time, and says what came out how often. */
async function tally(one: () => Promise<string>): Promise<Readonly<Record<string, number>>> {
  const found: Record<string, number> = {}
  const client = async () => {
    for (let made = 0; made < keysPerChange / clientsAtOnce; made += 1) {
      const result = await one()
      found[result] = (found[result] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: clientsAtOnce }, client))
  return found
}

test('the replica encrypts under the version that a rotation has answered', async () => {
  const found = await tally(async () => {
    const keyId = await makeKey()
    await encrypt(keyId)
    const { id } = (await keys.createKeyVersion({ keyId })).keyVersion
    const { ciphertext, keyVersionId } = (await encrypt(keyId)).encryptedData
    const opened = await source.decrypt({ decryptDataDetails: { keyId, ciphertext } })
    if (opened.decryptedData.plaintext !== plaintext) return 'another plaintext'
    return keyVersionId === id ? 'the new one' : 'the one before'
  })
  expect(found).toEqual({ 'the new one': keysPerChange })
})

test('a key whose disabling was answered is refused by the replica', async () => {
  const found = await tally(async () => {
    const keyId = await makeKey()
    await encrypt(keyId)
    await keys.disableKey({ keyId })
    return encrypt(keyId).then(
      () => 'encrypted',
      (cause: unknown) => (cause as { serviceCode: string }).serviceCode,
    )
  })
  expect(found).toEqual({ IncorrectState: keysPerChange })
})

test('the replica shows the name that was answered', async () => {
  const found = await tally(async () => {
    const keyId = await makeKey()
    await encrypt(keyId)
    await keys.updateKey({ keyId, updateKeyDetails: { displayName: 'renamed' } })
    return (await replicaKeys.getKey({ keyId })).key.displayName
  })
  expect(found).toEqual({ renamed: keysPerChange })
})
