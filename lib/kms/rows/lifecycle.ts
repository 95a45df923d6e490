import { KmsError } from '../../errors.ts'
import type { KeyRow, KeyState, KeyVersionRow, KeyVersionState, VaultRow, VaultState } from './rows.ts'

/**
 * Which states of a vault, a key and a key version allow which operation (contract §4). Absence, and DELETED for
 * whatever is not a read, answer 404 before this; reads are allowed in every state.
 */
const vaultOperations = {
  UpdateVault: ['ACTIVE'],
  ScheduleVaultDeletion: ['ACTIVE'],
  CancelVaultDeletion: ['PENDING_DELETION'],
  ChangeVaultCompartment: ['ACTIVE'],
  BackupVault: ['ACTIVE'],
  CreateVaultReplica: ['ACTIVE'],
  DeleteVaultReplica: ['ACTIVE', 'PENDING_DELETION'],
  CreateKey: ['ACTIVE'],
  ImportKey: ['ACTIVE'],
  GetWrappingKey: ['ACTIVE'],
} as const satisfies Record<string, readonly VaultState[]>

/** Each of these also needs an ACTIVE vault. */
const keyOperations = {
  UpdateKey: ['CREATING', 'ENABLED', 'DISABLED'],
  DisableKey: ['ENABLED'],
  EnableKey: ['DISABLED'],
  CreateKeyVersion: ['ENABLED'],
  ImportKeyVersion: ['ENABLED'],
  ScheduleKeyDeletion: ['ENABLED', 'DISABLED'],
  CancelKeyDeletion: ['PENDING_DELETION'],
  ChangeKeyCompartment: ['ENABLED', 'DISABLED'],
  BackupKey: ['ENABLED', 'DISABLED'],
  ScheduleKeyVersionDeletion: ['ENABLED', 'DISABLED'],
  CancelKeyVersionDeletion: ['ENABLED', 'DISABLED'],
  Encrypt: ['ENABLED'],
  Decrypt: ['ENABLED'],
  GenerateDataEncryptionKey: ['ENABLED'],
  Sign: ['ENABLED'],
  Verify: ['ENABLED'],
  ExportKey: ['ENABLED'],
} as const satisfies Record<string, readonly KeyState[]>

/** Each of these also needs its key in a state of the table above. */
const versionOperations = {
  ScheduleKeyVersionDeletion: ['ENABLED'],
  CancelKeyVersionDeletion: ['PENDING_DELETION'],
} as const satisfies Record<string, readonly KeyVersionState[]>

export type VaultOperation = keyof typeof vaultOperations
export type KeyOperation = keyof typeof keyOperations
export type KeyVersionOperation = keyof typeof versionOperations

/** The table itself, for the test that tries every cell. */
export const lifecycle = { vault: vaultOperations, key: keyOperations, keyVersion: versionOperations } as const

type Stated = { readonly id: string; readonly lifecycleState: string }

/** @throws KmsError incorrectState, saying which state is needed. */
export function requireVaultState(operation: VaultOperation, vault: Stated): void {
  requireState(operation, 'a vault', vaultOperations[operation], vault)
}

/** @throws KmsError incorrectState */
export function requireVaultActive(vault: Stated): void {
  requireState('This call', 'a vault', ['ACTIVE'], vault)
}

/** @throws KmsError incorrectState */
export function requireKeyState(operation: KeyOperation, key: Stated): void {
  requireState(operation, 'a key', keyOperations[operation], key)
}

/** @throws KmsError incorrectState */
export function requireVersionState(operation: KeyVersionOperation, version: Stated): void {
  requireState(operation, 'a key version', versionOperations[operation], version)
}

/** Only an ENABLED version does crypto (contract §4.3). */
export function requireVersionEnabled(version: Stated): void {
  requireState('This call', 'a key version', ['ENABLED'], version)
}

function requireState(operation: string, resource: string, allowed: readonly string[], found: Stated): void {
  if (allowed.includes(found.lifecycleState)) return
  throw new KmsError(
    'incorrectState',
    `${operation} needs ${resource} that is ${allowed.join(' or ')}; ${found.id} is ${found.lifecycleState}.`,
  )
}

interface Ending<S> {
  readonly lifecycleState: S
  readonly timeOfDeletion: string | null
}

/**
 * A key as callers see it: the deletion of its vault, and the cancelling of that, are one write to the vault, so a key's
 * state and time are computed from both rows.
 */
export function effectiveKey(vault: Ending<VaultState>, key: KeyRow): KeyRow {
  const { lifecycleState, timeOfDeletion } = key
  const { lifecycleState: vaultState } = vault
  if (vaultState === 'ACTIVE' || vaultState === 'RESTORING' || lifecycleState === 'DELETED') return key
  if (vaultState === 'DELETED') {
    return { ...key, lifecycleState: 'DELETED', timeOfDeletion: timeOfDeletion ?? vault.timeOfDeletion }
  }
  if (lifecycleState === 'PENDING_DELETION') return key
  return { ...key, lifecycleState: 'PENDING_DELETION', timeOfDeletion: vault.timeOfDeletion }
}

/** A version keeps its own state until its key is DELETED. */
export function effectiveVersion(vault: VaultRow, key: KeyRow, version: KeyVersionRow): KeyVersionRow {
  const seen = effectiveKey(vault, key)
  if (seen.lifecycleState !== 'DELETED' || version.lifecycleState === 'DELETED') return version
  return { ...version, lifecycleState: 'DELETED', timeOfDeletion: version.timeOfDeletion ?? seen.timeOfDeletion }
}
