import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import { backupKeyOperation } from './backupKey.ts'
import { backupVaultOperation } from './backupVault.ts'
import { cancelKeyDeletionOperation } from './cancelKeyDeletion.ts'
import { cancelKeyVersionDeletionOperation } from './cancelKeyVersionDeletion.ts'
import { changeKeyCompartmentOperation } from './changeKeyCompartment.ts'
import { createKeyOperation } from './createKey.ts'
import { createKeyVersionOperation } from './createKeyVersion.ts'
import { disableKeyOperation } from './disableKey.ts'
import { enableKeyOperation } from './enableKey.ts'
import { getKeyOperation } from './getKey.ts'
import { getKeyVersionOperation } from './getKeyVersion.ts'
import { getReplicationReceiptOperation } from './getReplicationReceipt.ts'
import { getReplicationStatusOperation } from './getReplicationStatus.ts'
import { getWrappingKeyOperation } from './getWrappingKey.ts'
import { importKeyOperation } from './importKey.ts'
import { importKeyVersionOperation } from './importKeyVersion.ts'
import type { KeysPorts } from './keysPorts.ts'
import { listKeyVersionsOperation } from './listKeyVersions.ts'
import { listKeysOperation } from './listKeys.ts'
import { restoreKeyFromFileOperation } from './restoreKeyFromFile.ts'
import { restoreKeyFromObjectStoreOperation } from './restoreKeyFromObjectStore.ts'
import { restoreVaultFromFileOperation } from './restoreVaultFromFile.ts'
import { restoreVaultFromObjectStoreOperation } from './restoreVaultFromObjectStore.ts'
import { scheduleKeyDeletionOperation } from './scheduleKeyDeletion.ts'
import { scheduleKeyVersionDeletionOperation } from './scheduleKeyVersionDeletion.ts'
import { updateKeyOperation } from './updateKey.ts'

/** KmsManagement, and what opens a vault's keys to save or restore it: the function that lists vaults must not (docs/security.md). */
export function keysFunction(ports: KeysPorts): HttpFunction {
  return httpFunction<KeysPorts>('keys', ports, [
    createKeyOperation,
    getKeyOperation,
    listKeysOperation,
    updateKeyOperation,
    enableKeyOperation,
    disableKeyOperation,
    scheduleKeyDeletionOperation,
    cancelKeyDeletionOperation,
    changeKeyCompartmentOperation,
    backupKeyOperation,
    restoreKeyFromFileOperation,
    restoreKeyFromObjectStoreOperation,
    createKeyVersionOperation,
    importKeyOperation,
    importKeyVersionOperation,
    getWrappingKeyOperation,
    getKeyVersionOperation,
    listKeyVersionsOperation,
    scheduleKeyVersionDeletionOperation,
    cancelKeyVersionDeletionOperation,
    getReplicationStatusOperation,
    getReplicationReceiptOperation,
    backupVaultOperation,
    restoreVaultFromFileOperation,
    restoreVaultFromObjectStoreOperation,
  ])
}
