import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import type { Json, JsonObject } from '../../lib/canonicalJson.ts'
import type { VaultRow } from '../../lib/kms/rows/rows.ts'
import { replicationId } from '../../lib/replication/replicationId.ts'

type WirePorts = Pick<HttpPorts, 'endpoints' | 'region'>

/** VaultSummary (contract §3.1). */
export async function toVaultSummary({ endpoints, region }: WirePorts, row: VaultRow): Promise<JsonObject> {
  const { management, crypto } = await endpoints.of(row, region)
  return {
    compartmentId: row.compartmentId,
    cryptoEndpoint: crypto,
    definedTags: row.definedTags,
    displayName: row.displayName,
    externalKeyManagerMetadataSummary: null,
    freeformTags: row.freeformTags,
    id: row.id,
    lifecycleState: row.lifecycleState,
    managementEndpoint: management,
    timeCreated: row.timeCreated,
    timeOfDeletion: row.timeOfDeletion,
    vaultType: row.vaultType,
  }
}

export async function toVault(ports: WirePorts, row: VaultRow): Promise<JsonObject> {
  return {
    ...(await toVaultSummary(ports, row)),
    isPrimary: row.primaryRegion === ports.region,
    isVaultReplicable: row.isVaultReplicable,
    replicaDetails: replicaDetails(replicationId(row, row)),
    restoredFromVaultId: row.restoredFromVaultId,
    wrappingkeyId: row.wrappingKeyId,
  }
}

export function replicaDetails(id: string | null): Json {
  return id === null ? null : { replicationId: id }
}
