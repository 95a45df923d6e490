import type { Answered, CallableRegion, StoryCloud } from './signedCall.ts'
import { regionB } from './twoRegions.ts'

/** The steps that most tests start with, over the wire of the source region. */

export async function makeVault({ call, a, tenancyId }: StoryCloud, vaultType = 'VIRTUAL_PRIVATE'): Promise<string> {
  const { body } = await call(a, 'POST', '/20180608/vaults', {
    compartmentId: tenancyId,
    displayName: 'vault',
    vaultType,
  })
  return String(body['id'])
}

export interface KeyOptions {
  readonly keyShape?: object
  readonly protectionMode?: 'HSM' | 'SOFTWARE'
  readonly retryToken?: string
  readonly displayName?: string
}

export function makeKey(
  { call, a, tenancyId }: StoryCloud,
  vaultId: string,
  options: KeyOptions = {},
): Promise<Answered> {
  const {
    keyShape = { algorithm: 'AES', length: 32 },
    protectionMode = 'HSM',
    retryToken,
    displayName = 'key',
  } = options
  const body = { compartmentId: tenancyId, displayName, keyShape, protectionMode }
  const headers = retryToken === undefined ? {} : { 'opc-retry-token': retryToken }
  return call(a, 'POST', '/20180608/keys', body, { host: vaultId, headers })
}

export async function allowReplication({ call, a, tenancyId }: StoryCloud): Promise<void> {
  await call(a, 'POST', '/20160918/policies', {
    compartmentId: tenancyId,
    name: 'replication',
    description: 'lets the service replicate',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
}

export function createReplica({ call, a }: StoryCloud, vaultId: string, replicaRegion = regionB): Promise<Answered> {
  return call(a, 'POST', `/20180608/vaults/${vaultId}/actions/createReplica`, { replicaRegion })
}

export function deleteReplica({ call, a }: StoryCloud, vaultId: string, replicaRegion = regionB): Promise<Answered> {
  return call(a, 'POST', `/20180608/vaults/${vaultId}/actions/deleteReplica`, { replicaRegion })
}

export async function replicaStatus({ call, a }: StoryCloud, vaultId: string): Promise<unknown> {
  const { list } = await call(a, 'GET', `/20180608/vaults/${vaultId}/actions/listReplicas`)
  return list[0]?.['status']
}

/** A vault whose replica is CREATED. */
export async function makeReplicatedVault(cloud: StoryCloud): Promise<string> {
  const vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  await createReplica(cloud, vaultId)
  await cloud.settle()
  return vaultId
}

export async function encrypt(
  { call }: StoryCloud,
  region: CallableRegion,
  vaultId: string,
  keyId: unknown,
  plaintext = 'aGVsbG8=',
): Promise<unknown> {
  const { body } = await call(region, 'POST', '/20180608/encrypt', { keyId, plaintext }, { host: vaultId })
  return body['ciphertext']
}

export function decrypt(
  { call }: StoryCloud,
  region: CallableRegion,
  vaultId: string,
  keyId: unknown,
  ciphertext: unknown,
): Promise<Answered> {
  return call(region, 'POST', '/20180608/decrypt', { keyId, ciphertext }, { host: vaultId })
}

/** A change of a key, as an answer names it. */
export interface ReplicatedChange {
  readonly id: string
  readonly replicationId: string
}

export function changeIn(body: Record<string, unknown>): ReplicatedChange {
  const { replicationId } = body['replicaDetails'] as { replicationId: string }
  return { id: String(body['id']), replicationId }
}
