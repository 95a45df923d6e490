import { until } from '../harness/until.ts'
import type { SignedCaller } from './signedCaller.ts'

/** What tests of the host need of a vault: that it is there, and that a text encrypted in it opens again. */
export interface MadeVault {
  readonly id: string
  readonly endpoint: string
}

export async function createVault(
  call: SignedCaller,
  region: string,
  compartmentId: string,
  vaultType = 'DEFAULT',
): Promise<MadeVault> {
  const { status, body } = await call('POST', `${region}/20180608/vaults`, {
    compartmentId,
    displayName: 'vault',
    vaultType,
  })
  if (status !== 200) throw new Error(`CreateVault answered ${status}: ${JSON.stringify(body)}`)
  return { id: String(body['id']), endpoint: String(body['managementEndpoint']) }
}

export async function createKey(
  call: SignedCaller,
  { endpoint }: MadeVault,
  compartmentId: string,
  protectionMode = 'HSM',
): Promise<string> {
  const { status, body } = await call('POST', `${endpoint}/20180608/keys`, {
    compartmentId,
    displayName: 'key',
    keyShape: { algorithm: 'AES', length: 32 },
    protectionMode,
  })
  if (status !== 200) throw new Error(`CreateKey answered ${status}: ${JSON.stringify(body)}`)
  return String(body['id'])
}

export const plaintext = Buffer.from('a secret').toString('base64')

export async function encrypt(call: SignedCaller, endpoint: string, keyId: string): Promise<string> {
  const { status, body } = await call('POST', `${endpoint}/20180608/encrypt`, { keyId, plaintext })
  if (status !== 200) throw new Error(`Encrypt answered ${status}: ${JSON.stringify(body)}`)
  return String(body['ciphertext'])
}

export async function decrypt(
  call: SignedCaller,
  endpoint: string,
  keyId: string,
  ciphertext: string,
): Promise<unknown> {
  const { status, body } = await call('POST', `${endpoint}/20180608/decrypt`, { keyId, ciphertext })
  return status === 200 ? body['plaintext'] : body
}

/** Makes the replica and resolves with its endpoint, once it is complete. */
export async function replicate(
  call: SignedCaller,
  region: string,
  { id }: MadeVault,
  replicaRegion: string,
): Promise<string> {
  const { status, body } = await call('POST', `${region}/20180608/vaults/${id}/actions/createReplica`, {
    replicaRegion,
  })
  if (status !== 200 && status !== 202) throw new Error(`CreateVaultReplica: ${status} ${JSON.stringify(body)}`)
  let replica: Record<string, unknown> | undefined
  const isMade = async () => {
    ;[replica] = await replicas(call, region, id)
    return replica?.['status'] === 'CREATED'
  }
  await until(isMade, () => replica ?? 'no replica')
  return String(replica?.['cryptoEndpoint'])
}

/** Deletes the replica, and resolves once it is gone. */
export async function deleteReplica(
  call: SignedCaller,
  region: string,
  { id }: MadeVault,
  replicaRegion: string,
): Promise<void> {
  const path = `${region}/20180608/vaults/${id}/actions/deleteReplica`
  const { status, body } = await call('POST', path, { replicaRegion })
  if (status !== 200 && status !== 202) throw new Error(`DeleteVaultReplica: ${status} ${JSON.stringify(body)}`)
  await until(async () => (await replicas(call, region, id)).length === 0)
}

export async function replicas(call: SignedCaller, region: string, id: string) {
  const { status, body, list } = await call('GET', `${region}/20180608/vaults/${id}/actions/listReplicas`)
  if (status !== 200) throw new Error(`ListVaultReplicas: ${status} ${JSON.stringify(body)}`)
  return list
}
