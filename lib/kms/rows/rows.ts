import type { KeyShape, ProtectionMode, WrappedKey } from '../../hsm/hsm.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import type { Epoch } from './epoch.ts'
import type { Ocid } from '../../ocid.ts'

/**
 * The stored form of vaults, keys and key versions. These rows are also what replication carries: the same bytes in
 * every region, each under the vault's row MAC (lib/kms/rows/rowMac.ts). Formats are final; a new field needs a new format or
 * must be ignorable by old readers.
 */

export type VaultType = 'DEFAULT' | 'VIRTUAL_PRIVATE'
export type VaultState = 'ACTIVE' | 'PENDING_DELETION' | 'RESTORING' | 'DELETED'
export type KeyState = 'CREATING' | 'ENABLED' | 'DISABLED' | 'PENDING_DELETION' | 'DELETED'
export type KeyVersionState = 'CREATING' | 'ENABLED' | 'PENDING_DELETION' | 'DELETED'
export type ReplicaStatus = 'CREATING' | 'CREATED' | 'DELETING'
export type Tags = Readonly<Record<string, string>>
export type DefinedTags = Readonly<Record<string, JsonObject>>

interface Row {
  readonly pk: string
  readonly sk: string
  readonly epoch: Epoch
  /** One counter per aggregate: a version row carries the revision its key row had when it was written. */
  readonly revision: number
  /** 40 hex digits, new with every change a caller made; transitions of the system keep it. */
  readonly etag: string
  /** When this revision was committed, for measuring lag only. */
  readonly committedAt: number
  /** The retry token's row of the change that made this revision. */
  readonly request: string | null
  readonly mac: string
}

interface Listed {
  readonly gpk: string
  readonly byTime: string
  readonly byName: string
}

export interface VaultRow extends Row, Listed {
  readonly format: 'vaultspan/vault/1'
  readonly id: Ocid
  readonly tenancyId: string
  readonly compartmentId: string
  readonly displayName: string
  readonly vaultType: VaultType
  readonly vaultPrefix: string
  readonly wrappingKeyId: Ocid
  readonly lifecycleState: VaultState
  readonly timeCreated: string
  readonly timeOfDeletion: string | null
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
  readonly isVaultReplicable: boolean
  readonly restoredFromVaultId: string | null
  /** The only region that may write this vault; everywhere else the vault is a replica. */
  readonly primaryRegion: string
  readonly replicaRegion: string | null
  readonly replicaStatus: ReplicaStatus | null
  /** Where changes go before they are answered; null until the replica has accepted the vault's keys. */
  readonly handOffTo: string | null
  /** Grows whenever a replica is made or deleted; envelopes with a smaller one are dropped. */
  readonly fence: number
}

/** AutoKeyRotationDetails (contract §3.2), times as RFC 3339. */
export interface AutoRotation extends JsonObject {
  readonly rotationIntervalInDays: number
  readonly timeOfScheduleStart: string
  readonly timeOfNextRotation: string
  readonly timeOfLastRotation: string | null
  readonly lastRotationStatus: 'SUCCESS' | 'FAILED' | null
  readonly lastRotationMessage: string | null
}

export interface KeyRow extends Row, Listed {
  readonly format: 'vaultspan/key-row/1'
  readonly id: Ocid
  readonly vaultId: Ocid
  readonly compartmentId: string
  readonly displayName: string
  readonly shape: KeyShape
  readonly protectionMode: ProtectionMode
  readonly lifecycleState: KeyState
  readonly timeCreated: string
  readonly timeOfDeletion: string | null
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
  readonly currentKeyVersion: Ocid
  /** A version that is committed and not yet handed off; the current one serves until it is. */
  readonly pendingKeyVersion: Ocid | null
  /** Of all its versions' rows (rowsDigest.ts), so that whoever has the key's row can tell whether it has them all. Absent in rows of 0.1.0. */
  readonly versionsDigest?: string
  /** Versions that are not DELETED, so that a vault's usage is counted without reading them. */
  readonly versionCount: number
  /** What a cancelled deletion returns the key to. */
  readonly stateBeforeDeletion: 'ENABLED' | 'DISABLED' | null
  readonly isAutoRotationEnabled: boolean
  readonly autoRotation: AutoRotation | null
  readonly restoredFromKeyId: string | null
}

export interface KeyVersionRow extends Row, Listed {
  readonly format: 'vaultspan/key-version-row/1'
  readonly id: Ocid
  readonly keyId: Ocid
  readonly vaultId: Ocid
  readonly materialId: string
  readonly origin: 'INTERNAL' | 'EXTERNAL'
  readonly lifecycleState: KeyVersionState
  readonly timeCreated: string
  readonly timeOfDeletion: string | null
  readonly isAutoRotated: boolean
  readonly restoredFromKeyVersionId: string | null
  /** null once the version is DELETED: its material is gone. */
  readonly wrapped: (WrappedKey & JsonObject) | null
}

/** The RSA key under whose public half material is imported: one per vault, beside the vault's own row. */
export interface WrappingKeyRow extends Row {
  readonly format: 'vaultspan/wrapping-key-row/1'
  readonly id: Ocid
  readonly vaultId: Ocid
  readonly materialId: string
  readonly lifecycleState: 'ENABLED' | 'DELETED'
  readonly timeCreated: string
  readonly wrapped: (WrappedKey & JsonObject) | null
}

export type RowWithMac = VaultRow | KeyRow | KeyVersionRow | WrappingKeyRow
export type ListedRow = VaultRow | KeyRow | KeyVersionRow

export const vaultSk = 'vault'
export const wrappingKeySk = 'wrappingKey'
export const keySk = 'key'
export const versionSkPrefix = 'version#'
export function versionSk(materialId: string): string {
  return versionSkPrefix + materialId
}

/** A listing never meets one hot partition: a vault's keys lie in 16 index partitions, merged on reading. */
export const listingShards = 16

export function keyListingPartition(vaultId: string, shard: number): string {
  return `keys#${vaultId}#${shard}`
}

export function versionListingPartition(keyId: string): string {
  return `versions#${keyId}`
}

export function vaultListingPartition(compartmentId: string): string {
  return `vaults#${compartmentId}`
}
