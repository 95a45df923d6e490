import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import type { KeyShape } from '../../lib/hsm/hsm.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { VaultKey } from '../../lib/kms/keys/changeKey.ts'
import { effectiveKey, effectiveVersion } from '../../lib/kms/rows/lifecycle.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../../lib/kms/rows/rows.ts'
import { replicationId } from '../../lib/replication/replicationId.ts'

type WirePorts = Pick<HttpPorts, 'region'>

function toShape(shape: KeyShape): JsonObject {
  const { algorithm, length } = shape
  return { algorithm, length, curveId: algorithm === 'ECDSA' ? shape.curveId : null }
}

/** KeySummary (contract §3.2): the algorithm, not the whole shape. */
export function toKeySummary(vault: VaultRow, stored: KeyRow): JsonObject {
  const row = effectiveKey(vault, stored)
  return {
    algorithm: row.shape.algorithm,
    compartmentId: row.compartmentId,
    definedTags: row.definedTags,
    displayName: row.displayName,
    externalKeyReferenceDetails: null,
    freeformTags: row.freeformTags,
    id: row.id,
    isAutoRotationEnabled: row.isAutoRotationEnabled,
    lifecycleState: row.lifecycleState,
    protectionMode: row.protectionMode,
    timeCreated: row.timeCreated,
    vaultId: row.vaultId,
  }
}

export function toKey({ region }: WirePorts, vault: VaultRow, row: KeyRow): JsonObject {
  const { algorithm: _algorithm, ...summary } = toKeySummary(vault, row)
  return {
    ...summary,
    autoKeyRotationDetails: toRotation(row),
    currentKeyVersion: row.currentKeyVersion,
    isPrimary: vault.primaryRegion === region,
    keyShape: toShape(row.shape),
    replicaDetails: details(replicationId(vault, row)),
    restoredFromKeyId: row.restoredFromKeyId,
    timeOfDeletion: effectiveKey(vault, row).timeOfDeletion,
  }
}

/** What is switched off has no next time, nor has a key that is not rotated because of its state. */
function toRotation({ isAutoRotationEnabled, autoRotation, lifecycleState }: KeyRow): JsonObject | null {
  if (autoRotation === null) return null
  return isAutoRotationEnabled && lifecycleState === 'ENABLED'
    ? { ...autoRotation }
    : { ...autoRotation, timeOfNextRotation: null }
}

export function toKeyVersionSummary({ vault, key }: VaultKey, stored: KeyVersionRow): JsonObject {
  const row = effectiveVersion(vault.row, key, stored)
  return {
    compartmentId: key.compartmentId,
    externalKeyReferenceDetails: null,
    id: row.id,
    isAutoRotated: row.isAutoRotated,
    keyId: row.keyId,
    lifecycleState: row.lifecycleState,
    origin: row.origin,
    timeCreated: row.timeCreated,
    timeOfDeletion: row.timeOfDeletion,
    vaultId: row.vaultId,
  }
}

export function toKeyVersion({ region }: WirePorts, loaded: VaultKey, row: KeyVersionRow): JsonObject {
  const { vault } = loaded
  const { epoch, revision } = row
  return {
    ...toKeyVersionSummary(loaded, row),
    isPrimary: vault.row.primaryRegion === region,
    publicKey: row.wrapped?.publicKey ?? null,
    replicaDetails: details(replicationId(vault.row, { id: row.keyId, epoch, revision })),
    restoredFromKeyVersionId: row.restoredFromKeyVersionId,
  }
}

function details(id: string | null): JsonObject | null {
  return id === null ? null : { replicationId: id }
}
