import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import type { KeyShape } from '../../lib/hsm/hsm.ts'
import type { JsonObject } from '../../lib/kms/canonicalJson.ts'
import type { VaultKey } from '../../lib/kms/keys.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../../lib/kms/rows.ts'
import { replicationId } from '../../lib/replication/status.ts'

type WirePorts = Pick<HttpPorts, 'region'>

function toShape(shape: KeyShape): JsonObject {
  const { algorithm, length } = shape
  return { algorithm, length, curveId: algorithm === 'ECDSA' ? shape.curveId : null }
}

/** KeySummary (contract §3.2): the algorithm, not the whole shape. */
export function toKeySummary(row: KeyRow): JsonObject {
  return {
    algorithm: row.shape.algorithm,
    compartmentId: row.compartmentId,
    definedTags: row.definedTags,
    displayName: row.displayName,
    externalKeyReferenceDetails: null,
    freeformTags: row.freeformTags,
    id: row.id,
    isAutoRotationEnabled: false,
    lifecycleState: row.lifecycleState,
    protectionMode: row.protectionMode,
    timeCreated: row.timeCreated,
    vaultId: row.vaultId,
  }
}

export function toKey({ region }: WirePorts, vault: VaultRow, row: KeyRow): JsonObject {
  const { algorithm: _algorithm, ...summary } = toKeySummary(row)
  return {
    ...summary,
    autoKeyRotationDetails: null,
    currentKeyVersion: row.currentKeyVersion,
    isPrimary: vault.primaryRegion === region,
    keyShape: toShape(row.shape),
    replicaDetails: details(replicationId(vault, row)),
    restoredFromKeyId: row.restoredFromKeyId,
    timeOfDeletion: row.timeOfDeletion,
  }
}

export function toKeyVersionSummary(compartmentId: string, row: KeyVersionRow): JsonObject {
  return {
    compartmentId,
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

export function toKeyVersion({ region }: WirePorts, { vault, key }: VaultKey, row: KeyVersionRow): JsonObject {
  const { epoch, revision } = row
  return {
    ...toKeyVersionSummary(key.compartmentId, row),
    isPrimary: vault.row.primaryRegion === region,
    publicKey: row.wrapped.publicKey ?? null,
    replicaDetails: details(replicationId(vault.row, { id: row.keyId, epoch, revision })),
    restoredFromKeyVersionId: row.restoredFromKeyVersionId,
  }
}

function details(id: string | null): JsonObject | null {
  return id === null ? null : { replicationId: id }
}
