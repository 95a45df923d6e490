import { createReadStream, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, generateKeyPairSync, publicEncrypt, randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { models } from 'oci-keymanagement'
import { base64, makeKey, makeVault, send, type OciCloud } from './ociCloud.ts'

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const
const { Software } = models.CreateKeyDetails.ProtectionMode

/** A life of vaults and keys through the official client: deletion, moves, import, export, backup and restore. */
export async function restOfALife(oci: OciCloud): Promise<void> {
  const vault = await makeVault(oci, 'rest of a life')
  const [vaults, keys] = [oci.vaults(), oci.keys(vault.managementEndpoint)]
  const vaultId = vault.id
  const createCompartmentDetails = { compartmentId: oci.tenancyId, name: 'elsewhere', description: 'd' }
  const { compartment } = await oci.identity().createCompartment({ createCompartmentDetails })
  const details = { compartmentId: compartment.id }
  await vaults.changeVaultCompartment({ vaultId, changeVaultCompartmentDetails: details })
  expect((await vaults.getVault({ vaultId })).vault.compartmentId).toBe(compartment.id)
  await vaults.changeVaultCompartment({ vaultId, changeVaultCompartmentDetails: { compartmentId: oci.tenancyId } })

  const { wrappingKey } = await keys.getWrappingKey({})
  const material = randomBytes(32)
  const wrappedImportKey = {
    keyMaterial: base64(publicEncrypt({ key: wrappingKey.publicKey, ...oaep }, material)),
    wrappingAlgorithm: models.WrappedImportKey.WrappingAlgorithm.RsaOaepSha256,
  }
  const keyShape = { algorithm: models.KeyShape.Algorithm.Aes, length: 32 }
  const importKeyDetails = {
    compartmentId: oci.tenancyId,
    displayName: 'brought',
    keyShape,
    wrappedImportKey,
    protectionMode: models.ImportKeyDetails.ProtectionMode.Software,
  }
  const { key: brought } = await keys.importKey({ importKeyDetails })
  const importKeyVersionDetails = { wrappedImportKey }
  const { keyVersion } = await keys.importKeyVersion({ keyId: brought.id, importKeyVersionDetails })
  expect(keyVersion).toMatchObject({ origin: 'EXTERNAL', lifecycleState: 'ENABLED' })
  const { publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const algorithm = models.ExportKeyDetails.Algorithm.RsaOaepAesSha256
  const exportKeyDetails = { keyId: brought.id, algorithm, publicKey }
  const { exportedKeyData } = await oci.crypto(vault.cryptoEndpoint).exportKey({ exportKeyDetails })
  expect(Buffer.from(exportedKeyData.encryptedKey, 'base64')).toHaveLength(256 + 40)

  const key = await makeKey(oci, vault, keyShape)
  const keyId = key.id
  await keys.changeKeyCompartment({ keyId, changeKeyCompartmentDetails: details })
  expect((await keys.getKey({ keyId })).key.compartmentId).toBe(compartment.id)
  await keys.changeKeyCompartment({ keyId, changeKeyCompartmentDetails: { compartmentId: oci.tenancyId } })
  await keys.createKeyVersion({ keyId })
  const versionId = key.currentKeyVersion
  const version = { keyId, keyVersionId: versionId }
  await keys.scheduleKeyVersionDeletion({ ...version, scheduleKeyVersionDeletionDetails: {} })
  expect((await keys.cancelKeyVersionDeletion(version)).keyVersion.lifecycleState).toBe('ENABLED')
  await keys.scheduleKeyDeletion({ keyId, scheduleKeyDeletionDetails: {} })
  expect((await keys.cancelKeyDeletion({ keyId })).key).toMatchObject({ lifecycleState: 'ENABLED' })
  await makeKey(oci, vault, keyShape, { protectionMode: Software })
  expect((await vaults.getVaultUsage({ vaultId })).vaultUsage).toMatchObject({ keyCount: 1, softwareKeyCount: 2 })

  const place = (objectName: string) => ({ destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName })
  await keys.backupKey({ keyId, backupKeyDetails: { backupLocation: place('key') } })
  const backupVaultDetails = { backupLocation: place('vault'), isIncludeKeys: true }
  await vaults.backupVault({ vaultId, backupVaultDetails })
  const restoreKeyFromObjectStoreDetails = { backupLocation: place('key') }
  const restored = await keys.restoreKeyFromObjectStore({ restoreKeyFromObjectStoreDetails })
  expect(restored.key).toMatchObject({ id: keyId, lifecycleState: 'ENABLED' })
  await restoreFiles(oci, vault, place)

  await vaults.scheduleVaultDeletion({ vaultId, scheduleVaultDeletionDetails: {} })
  expect((await keys.getKey({ keyId })).key.lifecycleState).toBe('PENDING_DELETION')
  expect((await vaults.cancelVaultDeletion({ vaultId })).vault.lifecycleState).toBe('ACTIVE')
  const usage = await oci.signed('GET', `${oci.home}/20180608/usage/keyVersions?from=2026-01-01&to=2026-01-02`)
  expect((await send(usage)).statusCode).toBe(200)
  const redrive = await oci.signed('POST', `${oci.home}/20180608/replicaOperations/actions/redrive`, '')
  expect(await send(redrive)).toMatchObject({ statusCode: 200, body: { changes: 0, messages: 0 } })
}

/** In the other region, where a restored vault gets OCIDs of its own. The client wants a stream and its length. */
async function restoreFiles(oci: OciCloud, vault: models.Vault, place: (name: string) => object): Promise<void> {
  const elsewhere = oci.vaults(oci.other)
  const compartmentId = oci.tenancyId
  const restoreVaultFromObjectStoreDetails = { backupLocation: place('vault') as never }
  const restore = { compartmentId, restoreVaultFromObjectStoreDetails }
  // The tenancy's backup keys are fetched when they are first wanted; the client is told to try again.
  await expect(oci.vaults(oci.other).restoreVaultFromObjectStore(restore)).rejects.toMatchObject({ statusCode: 409 })
  await oci.cloud.idle()
  const { vault: copy } = await elsewhere.restoreVaultFromObjectStore(restore)
  expect(copy).toMatchObject({ restoredFromVaultId: vault.id, lifecycleState: 'ACTIVE' })
  const folder = await mkdtemp(join(tmpdir(), 'vaultspan-'))
  try {
    const file = async (name: string) => {
      const text = (await oci.cloud.backups.read(oci.tenancyId, place(name) as never)) ?? ''
      writeFileSync(join(folder, name), text)
      return { contentLength: text.length, stream: createReadStream(join(folder, name)) }
    }
    const key = await file('key')
    const restoreKey = { contentLength: key.contentLength, restoreKeyFromFileDetails: key.stream as never }
    expect((await oci.keys(copy.managementEndpoint).restoreKeyFromFile(restoreKey)).key.vaultId).toBe(copy.id)
    const saved = await file('vault')
    const restoreVaultFromFileDetails = saved.stream as never
    const again = elsewhere.restoreVaultFromFile({
      compartmentId,
      contentLength: saved.contentLength,
      restoreVaultFromFileDetails,
    })
    await expect(again).rejects.toMatchObject({ statusCode: 409, serviceCode: 'Conflict' })
  } finally {
    await rm(folder, { recursive: true })
  }
}
