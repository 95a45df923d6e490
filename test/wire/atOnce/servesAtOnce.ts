import { constants, publicEncrypt, randomBytes } from 'node:crypto'
import { KmsCryptoClient, KmsManagementClient, models } from 'oci-keymanagement'
import {
  allowReplication,
  base64,
  makeVault,
  ociCloud,
  otherRegion,
  replicate,
  shapes,
  type OciCloud,
} from '../ociCloud.ts'
import { quickHttpClient } from './quickClient.ts'

/**
 * Oracle's client makes two quick changes to a key, the second a rotation or an import, encrypts in the source, and at once
 * decrypts in the replica: nobody waits and nobody tries again. `npm run test:processes` does it with 200 keys for each pair.
 */
const keysPerPair = Number(process.env['AT_ONCE_KEYS'] ?? 40)
const clientsAtOnce = 8
/** As long as it takes: how fast this machine is decides nothing here. bench/atOnce.ts measures with the product's own bound. */
const arrivalsMs = 110_000

let oci: OciCloud
let vault: models.Vault
let keys: KmsManagementClient
let source: KmsCryptoClient
let replica: KmsCryptoClient
let publicKey: string

async function start(delayMs: number): Promise<void> {
  // The audit of crypto calls is a write for each, and no matter of this suite.
  oci = await ociCloud({ arrivalsMs, cryptoAudit: 'off' })
  await allowReplication(oci)
  vault = await makeVault(oci)
  const httpClient = quickHttpClient(oci)
  keys = new KmsManagementClient({ httpClient })
  keys.endpoint = vault.managementEndpoint
  source = new KmsCryptoClient({ httpClient })
  source.endpoint = vault.cryptoEndpoint
  replica = new KmsCryptoClient({ httpClient })
  replica.endpoint = (await replicate(oci, vault.id)).crypto
  publicKey = (await keys.getWrappingKey({})).wrappingKey.publicKey
  oci.cloud.faults.slow(oci.cloud.homeRegion, otherRegion, delayMs)
}

type Change = (keyId: string) => Promise<unknown>

const update =
  (updateKeyDetails: models.UpdateKeyDetails): Change =>
  (keyId) =>
    keys.updateKey({ keyId, updateKeyDetails })
const rename = update({ displayName: 'renamed' })
const tag = update({ freeformTags: { a: 'b' } })
const rotate: Change = (keyId) => keys.createKeyVersion({ keyId })
const disable: Change = (keyId) => keys.disableKey({ keyId })
const enable: Change = (keyId) => keys.enableKey({ keyId })
const importVersion: Change = (keyId) => {
  const material = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const wrappedImportKey = {
    keyMaterial: base64(publicEncrypt(material, randomBytes(32))),
    wrappingAlgorithm: models.WrappedImportKey.WrappingAlgorithm.RsaOaepSha256,
  }
  return keys.importKeyVersion({ keyId, importKeyVersionDetails: { wrappedImportKey } })
}

const pairs: readonly (readonly [string, readonly Change[]])[] = [
  ['create, rotate', [rotate]],
  ['rename, rotate', [rename, rotate]],
  ['disable, enable, rotate', [disable, enable, rotate]],
  ['rotate, rotate', [rotate, rotate]],
  ['tag, import', [tag, importVersion]],
]

/**
 * What the replica said to the very next call: the plaintext, or its refusal. Names differ: of two equal calls signed in one
 * second a late one would be taken for a copy of the first.
 */
async function usedAtOnce(changes: readonly Change[], displayName: string): Promise<string> {
  const createKeyDetails = { compartmentId: oci.tenancyId, displayName, keyShape: shapes.aes256 }
  const keyId = (await keys.createKey({ createKeyDetails })).key.id
  for (const change of changes) await change(keyId)
  const plaintext = base64('hello')
  const { ciphertext } = (await source.encrypt({ encryptDataDetails: { keyId, plaintext } })).encryptedData
  const there = await replica.decrypt({ decryptDataDetails: { keyId, ciphertext } })
  return there.decryptedData.plaintext
}

/** The tests of one distance between the regions; each is a file of its own, so that they run side by side. */
export function servesAtOnce(delayMs: number): void {
  beforeAll(() => start(delayMs))
  afterAll(() => oci.close())

  test.each(pairs)(`${keysPerPair} keys: %s, and the replica serves with the next call`, async (_, changes) => {
    let left = keysPerPair
    const answers = new Map<string, number>()
    const client = async () => {
      while (left > 0) {
        left -= 1
        const answer = await usedAtOnce(changes, `key ${left}`).catch((cause: unknown) => (cause as Error).message)
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: clientsAtOnce }, client))
    expect([...answers]).toEqual([[base64('hello'), keysPerPair]])
  })
}
