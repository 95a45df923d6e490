import { models } from 'oci-keymanagement'
import { withClients, type Clients } from './clients.ts'
import { requireEqual, until } from './expect.ts'
import { TourFailure } from './reason.ts'
import type { Report } from './report.ts'
import { reportedLag, type TourService } from './service.ts'
import { aes256, createKey, decrypt, encrypt } from './steps.ts'

/** A ciphertext and where it belongs: what an application would have stored. */
export interface Secret {
  readonly keyId: string
  readonly ciphertext: string
}

export interface Started {
  readonly vault: models.Vault
  readonly key: models.Key
  readonly secret: Secret
}

export const serviceStatement = 'Allow service keymanagementservice to manage vaults in tenancy'

/** A vault, the policy that lets it be replicated, a key, a ciphertext. */
export function aVaultAndAKey(service: TourService, report: Report): Promise<Started> {
  const { source, compartmentId } = service
  report.heading(`A vault and a key in ${source.region}`)
  return withClients(service, async (clients) => {
    const vault = await report.step('Create a virtual private vault', async () => {
      const displayName = `tour ${new Date().toISOString().slice(0, 19).replace('T', ' ')}`
      const vaultType = models.CreateVaultDetails.VaultType.VirtualPrivate
      const createVaultDetails = { compartmentId, displayName, vaultType }
      const { vault: value } = await clients.vaults(source.endpoint).createVault({ createVaultDetails })
      requireEqual('The state of the vault', value.lifecycleState, 'ACTIVE')
      return { value, note: `${value.lifecycleState} at ${value.managementEndpoint}` }
    })
    await report.step('Let the service replicate vaults', () => allowReplication(service, clients))
    const key = await report.step('Create a key (AES-256, HSM)', async () => {
      const value = await createKey(clients, vault.managementEndpoint, compartmentId, 'first', aes256)
      requireEqual('The state of the key', value.lifecycleState, 'ENABLED')
      return { value, note: `${value.lifecycleState} in the answer` }
    })
    const secret = await report.step('Encrypt', async () => {
      const { ciphertext } = await encrypt(clients, vault.cryptoEndpoint, key.id)
      return { value: { keyId: key.id, ciphertext }, note: `${Buffer.from(ciphertext, 'base64').length} bytes` }
    })
    return { vault, key, secret }
  })
}

/** One policy serves every tour. */
async function allowReplication({ source, compartmentId }: TourService, clients: Clients) {
  const identity = clients.identity(source.endpoint)
  const { items } = await identity.listPolicies({ compartmentId })
  const known = items.find(({ statements }) => statements.includes(serviceStatement))
  if (known !== undefined) return { value: undefined, note: `the policy ${known.name} is there already` }
  const createPolicyDetails = {
    compartmentId,
    name: 'vault-replication',
    description: 'Lets the key management service keep replicas of vaults',
    statements: [serviceStatement],
  }
  await identity.createPolicy({ createPolicyDetails })
  return { value: undefined, note: serviceStatement }
}

/** Where a vault answers in the region of its replica. */
export interface ReplicaEndpoints {
  readonly management: string
  readonly crypto: string
}

/** The replica: made, waited for, used, and measured with a key that is made while it stands. */
export function aReplica(service: TourService, report: Report, started: Started): Promise<ReplicaEndpoints> {
  const { replica } = service
  const { vault, key, secret } = started
  report.heading(`Its replica in ${replica.region}`)
  return withClients(service, async (clients) => {
    const endpoints = await report.step('Create the replica', () => createReplica(service, clients, vault.id))
    await report.step('Wait until it is CREATED and the key REPLICATED', async () => {
      await until('The replica', () => createdReplica(service, clients, vault.id))
      await until('The replication of the key', () => replicated(clients, vault.managementEndpoint, key.id))
      return { value: undefined, note: 'as ListVaultReplicas and GetReplicationStatus say' }
    })
    await report.step('Decrypt the same ciphertext at the replica', async () => {
      const version = await decrypt(clients, endpoints.crypto, secret.keyId, secret.ciphertext)
      requireEqual('The key version', version, key.currentKeyVersion)
      return { value: undefined, note: `same plaintext, from ${endpoints.crypto}` }
    })
    await report.step('Create another key and use it at the replica at once', () =>
      measureLag(service, clients, vault, endpoints),
    )
    return endpoints
  })
}

async function createReplica({ source, replica }: TourService, clients: Clients, vaultId: string) {
  const vaults = clients.vaults(source.endpoint)
  await vaults.createVaultReplica({ vaultId, createVaultReplicaDetails: { replicaRegion: replica.region } })
  const { items } = await vaults.listVaultReplicas({ vaultId })
  const found = items.find(({ region }) => region === replica.region)
  if (found?.managementEndpoint === undefined || found.cryptoEndpoint === undefined) {
    throw new TourFailure('The replica is not listed although its creation was answered.')
  }
  const value: ReplicaEndpoints = { management: found.managementEndpoint, crypto: found.cryptoEndpoint }
  return { value, note: `listed as ${found.status ?? 'nothing'} at once` }
}

async function createdReplica({ source }: TourService, clients: Clients, vaultId: string): Promise<true | undefined> {
  const { items } = await clients.vaults(source.endpoint).listVaultReplicas({ vaultId })
  return items.some(({ status }) => status === models.VaultReplicaSummary.Status.Created) ? true : undefined
}

/** The id of a key's last replication is in its answers; the vault's management endpoint says how far it is. */
async function replicated(clients: Clients, management: string, keyId: string): Promise<true | undefined> {
  const keys = clients.keys(management)
  const { key } = await keys.getKey({ keyId })
  const replicationId = key.replicaDetails?.replicationId
  if (replicationId === undefined) return undefined
  const { replicationStatusDetails } = await keys.getReplicationStatus({ replicationId })
  const statuses = replicationStatusDetails.replicaDetails ?? []
  const isThere =
    statuses.length > 0 && statuses.every(({ status }) => status === models.ReplicaDetails.Status.Replicated)
  return isThere ? true : undefined
}

/** From the answer of CreateKey to the first plaintext at the replica, the encryption in between included. */
async function measureLag(
  { source, replica, compartmentId }: TourService,
  clients: Clients,
  vault: models.Vault,
  endpoints: ReplicaEndpoints,
) {
  const { id } = await createKey(clients, vault.managementEndpoint, compartmentId, 'second', aes256)
  const answeredAt = performance.now()
  const { ciphertext } = await encrypt(clients, vault.cryptoEndpoint, id)
  await until('The key at the replica', async () => decrypt(clients, endpoints.crypto, id, ciphertext))
  const lagMs = performance.now() - answeredAt
  await until('The replication of the key', () => replicated(clients, vault.managementEndpoint, id))
  const { last, p50 } = await reportedLag(source, replica.region)
  const reported = `commit to receipt: last ${last ?? '?'} ms, median ${p50 ?? '?'} ms`
  return { value: undefined, note: `${lagMs.toFixed(0)} ms after its answer, encryption included; ${reported}` }
}
