import { Readable } from 'node:stream'
import { freshKey, freshVault, placeOf, type Stage, type Target } from './stage.ts'
import { someOcid, someText, type Subject } from './subject.ts'

const both = ['if-match', 'opc-retry-token'] as const
const saved = { etag: someText, opcWorkRequestId: someOcid }
/** A restore answers with what the file held, not with what a header or an earlier state says. */
const restore = { takes: ['opc-retry-token'] } as const

/** Backup and restore of vaults and keys. */
export const backupSubjects = {
  BackupVault: {
    call: (who, { region, vault, place }, conditions) =>
      who
        .vaults(region)
        .backupVault({ vaultId: vault.id, backupVaultDetails: { backupLocation: place }, ...conditions }),
    fresh: freshVault,
    answers: { vault: { lifecycleState: 'ACTIVE' }, ...saved },
    about: 'vault',
    takes: both,
    body: ({ place }) => ({ backupLocation: place, isIncludeKeys: true }),
    refusedByReplica: true,
    needsActiveVault: true,
  },
  RestoreVaultFromFile: {
    call: (who, { region, compartmentId, vaultFile }, conditions) =>
      who.vaults(region).restoreVaultFromFile({
        compartmentId,
        contentLength: vaultFile.length,
        restoreVaultFromFileDetails: Readable.from([Buffer.from(vaultFile)]) as never,
        ...conditions,
      }),
    fresh: savedVault,
    answers: { vault: { lifecycleState: 'ACTIVE', restoredFromVaultId: someText }, ...saved },
    about: 'compartment',
    ...restore,
  },
  RestoreVaultFromObjectStore: {
    call: (who, { region, compartmentId, vaultPlace }, conditions) =>
      who.vaults(region).restoreVaultFromObjectStore({
        compartmentId,
        restoreVaultFromObjectStoreDetails: { backupLocation: vaultPlace },
        ...conditions,
      }),
    fresh: savedVault,
    answers: { vault: { lifecycleState: 'ACTIVE', restoredFromVaultId: someText }, ...saved },
    about: 'compartment',
    ...restore,
    body: ({ vaultPlace }) => ({ backupLocation: vaultPlace }),
    required: ['backupLocation'],
  },
  BackupKey: {
    call: (who, { vault, keyId, place }, conditions) =>
      who
        .keys(vault.managementEndpoint)
        .backupKey({ keyId, backupKeyDetails: { backupLocation: place }, ...conditions }),
    fresh: (stage) => freshKey(stage),
    answers: { key: { lifecycleState: 'ENABLED' }, ...saved },
    about: 'key',
    takes: both,
    body: ({ place }) => ({ backupLocation: place }),
    refusedByReplica: true,
    needsActiveVault: true,
  },
  RestoreKeyFromFile: {
    call: (who, { vault, keyFile }, conditions) =>
      who.keys(vault.managementEndpoint).restoreKeyFromFile({
        contentLength: keyFile.length,
        restoreKeyFromFileDetails: Readable.from([Buffer.from(keyFile)]) as never,
        ...conditions,
      }),
    fresh: savedKey,
    answers: { key: { lifecycleState: 'ENABLED' }, ...saved },
    about: 'none',
    ...restore,
    refusedByReplica: true,
    needsActiveVault: true,
  },
  RestoreKeyFromObjectStore: {
    call: (who, { vault, keyPlace }, conditions) =>
      who.keys(vault.managementEndpoint).restoreKeyFromObjectStore({
        restoreKeyFromObjectStoreDetails: { backupLocation: keyPlace },
        ...conditions,
      }),
    fresh: savedKey,
    answers: { key: { lifecycleState: 'ENABLED' }, ...saved },
    about: 'none',
    ...restore,
    body: ({ keyPlace }) => ({ backupLocation: keyPlace }),
    required: ['backupLocation'],
    refusedByReplica: true,
    needsActiveVault: true,
  },
} as const satisfies Record<string, Subject>

/** A vault's backup that is to be restored in the other region, where the vault is not. */
async function savedVault(stage: Stage): Promise<Target> {
  const { oci } = stage
  const about = await freshVault(stage)
  const vaultPlace = placeOf(about.vault.id)
  await oci.vaults().backupVault({ vaultId: about.vault.id, backupVaultDetails: { backupLocation: vaultPlace } })
  return { ...about, region: oci.other, vaultPlace, vaultFile: await stage.fileAt(vaultPlace) }
}

/** A key of its own, and its backup. */
async function savedKey(stage: Stage): Promise<Target> {
  const about = await freshKey(stage)
  const keyPlace = placeOf(about.keyId)
  const backupKeyDetails = { backupLocation: keyPlace }
  await stage.oci.keys(about.vault.managementEndpoint).backupKey({ keyId: about.keyId, backupKeyDetails })
  return { ...about, keyPlace, keyFile: await stage.fileAt(keyPlace) }
}
