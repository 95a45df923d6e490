import { models } from 'oci-keymanagement'
import { makeKey, makeVault, shapes } from '../ociCloud.ts'
import { sendTo } from './sendTo.ts'
import { conflict, invalid, invalidatedToken, notFound, rowsOf } from './row.ts'
import { freshKey, freshVault, placeOf, type Stage, type Target } from './stage.ts'
import { subjects } from './subjects.ts'

type Backup = 'BackupVault' | 'BackupKey'
type Restore =
  'RestoreVaultFromFile' | 'RestoreVaultFromObjectStore' | 'RestoreKeyFromFile' | 'RestoreKeyFromObjectStore'

const on =
  (
    operation: Backup | Restore,
    arrange: (stage: Stage) => Promise<Target>,
    as: 'administrator' | 'stranger' = 'administrator',
  ) =>
  async (stage: Stage) => {
    const about = await arrange(stage)
    return () => subjects[operation].call(stage[as], about, {})
  }

const virtualVault = async ({ oci, ready }: Stage): Promise<Target> => {
  const vault = await makeVault(oci, 'virtual', models.CreateVaultDetails.VaultType.Default)
  return { ...ready, vault, keyId: (await makeKey(oci, vault)).id }
}
const taken = async ({ ready, another }: Stage) => ({ ...ready, place: another.keyPlace })
const upwards = async ({ ready }: Stage) => ({ ...ready, place: placeOf('../x') })
const nowhere = async ({ ready }: Stage) => ({ ...ready, vaultPlace: placeOf('none'), keyPlace: placeOf('none') })
const swapped = async ({ ready }: Stage): Promise<Target> => ({
  ...ready,
  vaultPlace: ready.keyPlace,
  vaultFile: ready.keyFile,
  keyPlace: ready.vaultPlace,
  keyFile: ready.vaultFile,
})
const damaged = async ({ ready }: Stage): Promise<Target> => ({
  ...ready,
  region: ready.region,
  vaultFile: ready.vaultFile.replace(/"timeCreated":"2/, '"timeCreated":"3'),
  keyFile: ready.keyFile.replace(/"timeCreated":"2/, '"timeCreated":"3'),
})
const standing = async ({ ready }: Stage) => ready
const ofAnother = async ({ ready, another }: Stage) => ({
  ...ready,
  keyPlace: another.keyPlace,
  keyFile: another.keyFile,
})

/** A repetition of a backup whose resource was renamed since. */
const changedSince =
  (operation: Backup, arrange: (stage: Stage) => Promise<Target>, change: 'UpdateVault' | 'UpdateKey') =>
  async (stage: Stage) => {
    const about = await arrange(stage)
    const call = () => subjects[operation].call(stage.administrator, about, { opcRetryToken: `changed ${operation}` })
    await call()
    await subjects[change].call(stage.administrator, about, {})
    return call
  }

const toUri = (operation: Backup | Restore) => (stage: Stage) => () =>
  sendTo(
    stage.administrator,
    operation,
    stage.ready,
    '{"backupLocation":{"destination":"PRE_AUTHENTICATED_REQUEST_URI","uri":"http://127.0.0.1/x"}}',
  )

/** What only backups and restores refuse. */
export const backupRows = rowsOf({
  BackupVault: [
    ['an object that is no backup of the vault', conflict, on('BackupVault', taken)],
    ['a virtual vault', invalid, on('BackupVault', virtualVault)],
    ['an objectName that leads upwards', invalid, on('BackupVault', upwards)],
    ['a URI of a host that is not allowed', invalid, toUri('BackupVault')],
    [
      'a retry token whose vault changed since',
      invalidatedToken,
      changedSince('BackupVault', freshVault, 'UpdateVault'),
    ],
  ],
  BackupKey: [
    ['an object that is no backup of the key', conflict, on('BackupKey', taken)],
    ['a key of a virtual vault', invalid, on('BackupKey', virtualVault)],
    ['a SOFTWARE key', invalid, on('BackupKey', async ({ ready }) => ({ ...ready, keyId: ready.softwareKeyId }))],
    ['an objectName that leads upwards', invalid, on('BackupKey', upwards)],
    ['a URI of a host that is not allowed', invalid, toUri('BackupKey')],
    [
      'a retry token whose key changed since',
      invalidatedToken,
      changedSince('BackupKey', (stage) => freshKey(stage, shapes.aes256), 'UpdateKey'),
    ],
  ],
  RestoreVaultFromFile: [
    ['a file that holds a key', invalid, on('RestoreVaultFromFile', swapped)],
    ['a vault that stands', conflict, on('RestoreVaultFromFile', standing)],
  ],
  RestoreVaultFromObjectStore: [
    ['a place where nothing is', invalid, on('RestoreVaultFromObjectStore', nowhere)],
    ['a place where nothing is, without a grant', notFound, on('RestoreVaultFromObjectStore', nowhere, 'stranger')],
    ['a backup of a key', invalid, on('RestoreVaultFromObjectStore', swapped)],
    ['a URI of a host that is not allowed', invalid, toUri('RestoreVaultFromObjectStore')],
    ['a vault that stands', conflict, on('RestoreVaultFromObjectStore', standing)],
  ],
  RestoreKeyFromFile: [
    ['a file that holds a vault', invalid, on('RestoreKeyFromFile', swapped)],
    ['a file in which a character was changed', invalid, on('RestoreKeyFromFile', damaged)],
    ['a key of another vault', invalid, on('RestoreKeyFromFile', ofAnother)],
  ],
  RestoreKeyFromObjectStore: [
    ['a place where nothing is', invalid, on('RestoreKeyFromObjectStore', nowhere)],
    ['a place where nothing is, without a grant', notFound, on('RestoreKeyFromObjectStore', nowhere, 'stranger')],
    ['a backup of a vault', invalid, on('RestoreKeyFromObjectStore', swapped)],
    ['a URI of a host that is not allowed', invalid, toUri('RestoreKeyFromObjectStore')],
    ['a key of another vault', invalid, on('RestoreKeyFromObjectStore', ofAnother)],
  ],
})
