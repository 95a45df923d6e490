import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { models } from 'oci-keymanagement'
import { askFaultServer } from '../../local/faultServer.ts'
import { withClients, type Clients } from '../../local/tour/clients.ts'
import { until } from '../../local/tour/expect.ts'
import { aes256, decrypt, encrypt } from '../../local/tour/steps.ts'
import { freeBase } from './freePorts.ts'
import { isReady, startService, withDirectory, type StartedProcess } from './startedService.ts'

/** kill -9 under load: what was acknowledged is there afterwards, in both regions, and what was not is there at most once. */

const rounds = 3
const callers = 12
const loadMs = 1000

/** The service's data and the process that uses it at present. */
interface Service {
  readonly directory: string
  readonly process: StartedProcess
  readonly home: string
  readonly other: string
  readonly compartmentId: string
}

async function start(directory: string, base: number): Promise<Service> {
  const process = startService(directory, base)
  await isReady(process)
  const { regions, rootCompartmentId } = JSON.parse(readFileSync(join(directory, 'endpoints.json'), 'utf8')) as {
    readonly regions: readonly { readonly endpoint: string }[]
    readonly rootCompartmentId: string
  }
  const [home = '', other = ''] = regions.map(({ endpoint }) => endpoint)
  return { directory, process, home, other, compartmentId: rootCompartmentId }
}

/** New official clients, signed in by the profile that the service wrote. */
function clients<T>({ directory }: Service, work: (each: Clients) => Promise<T>): Promise<T> {
  return withClients({ ociConfig: join(directory, 'oci', 'config') }, work)
}

interface Acknowledged {
  readonly keyId: string
  /** Made at once after an acknowledgement, where the service lived long enough to answer. */
  readonly ciphertexts: string[]
}

interface Load {
  readonly keys: Acknowledged[]
  /** Tokens of calls that got no answer. */
  readonly cutShort: string[]
}

test(
  'every key that was acknowledged before a kill -9 decrypts afterwards in both regions',
  () =>
    withDirectory(async (directory) => {
      const base = await freeBase()
      let service = await start(directory, base)
      try {
        const vault = await clients(service, (each) => replicatedVault(each, service))
        const replica = await clients(service, (each) => replicaCryptoEndpoint(each, service, vault.id))
        let acknowledged = 0
        for (let round = 0; round < rounds; round += 1) {
          const load = await clients(service, (each) => loadUntilKilled(each, service, vault))
          service = await start(directory, base)
          acknowledged += load.keys.length
          await clients(service, (each) => expectRepeatable(each, vault, load.cutShort))
          await clients(service, (each) => expectEverywhere(each, service, vault, replica, load.keys))
        }
        expect(acknowledged).toBeGreaterThan(callers)
      } finally {
        service.process.signal('SIGKILL')
        await service.process.exited
      }
    }),
  300_000,
)

async function replicatedVault(each: Clients, { home, compartmentId }: Service): Promise<models.Vault> {
  const statements = ['Allow service keymanagementservice to manage vaults in tenancy']
  const createPolicyDetails = { compartmentId, name: 'replication', description: 'd', statements }
  await each.identity(home).createPolicy({ createPolicyDetails })
  const vaultType = models.CreateVaultDetails.VaultType.VirtualPrivate
  const createVaultDetails = { compartmentId, displayName: 'crash', vaultType }
  const { vault } = await each.vaults(home).createVault({ createVaultDetails })
  const createVaultReplicaDetails = { replicaRegion: 'us-phoenix-1' }
  await each.vaults(home).createVaultReplica({ vaultId: vault.id, createVaultReplicaDetails })
  await until('The replica', async () => {
    const { items } = await each.vaults(home).listVaultReplicas({ vaultId: vault.id })
    return items.find(({ status }) => status === models.VaultReplicaSummary.Status.Created)
  })
  return vault
}

async function replicaCryptoEndpoint(each: Clients, { other }: Service, vaultId: string): Promise<string> {
  return (await each.vaults(other).getVault({ vaultId })).vault.cryptoEndpoint
}

/** Callers that create, use and rotate keys as fast as they can, until the service is killed in their midst. */
async function loadUntilKilled(each: Clients, { process }: Service, vault: models.Vault): Promise<Load> {
  const load: Load = { keys: [], cutShort: [] }
  const calling = Array.from({ length: callers }, () => callUntilKilled(each, vault, load))
  await new Promise((resolve) => setTimeout(resolve, loadMs + Math.random() * 200))
  process.signal('SIGKILL')
  await process.exited
  await Promise.all(calling)
  return load
}

async function callUntilKilled(each: Clients, vault: models.Vault, load: Load): Promise<void> {
  const keys = each.keys(vault.managementEndpoint)
  for (;;) {
    const opcRetryToken = randomUUID()
    const createKeyDetails = { compartmentId: vault.compartmentId, displayName: opcRetryToken, keyShape: aes256 }
    const made = await keys.createKey({ createKeyDetails, opcRetryToken }).catch(() => undefined)
    if (made === undefined) {
      load.cutShort.push(opcRetryToken)
      return
    }
    const key: Acknowledged = { keyId: made.key.id, ciphertexts: [] }
    load.keys.push(key)
    try {
      key.ciphertexts.push((await encrypt(each, vault.cryptoEndpoint, key.keyId)).ciphertext)
      await keys.createKeyVersion({ keyId: key.keyId })
      key.ciphertexts.push((await encrypt(each, vault.cryptoEndpoint, key.keyId)).ciphertext)
    } catch {
      return
    }
  }
}

/** A call that got no answer is repeated with its token: there is one key of it then, whatever the crash interrupted. */
async function expectRepeatable(each: Clients, vault: models.Vault, tokens: readonly string[]): Promise<void> {
  const keys = each.keys(vault.managementEndpoint)
  for (const opcRetryToken of tokens) {
    const createKeyDetails = { compartmentId: vault.compartmentId, displayName: opcRetryToken, keyShape: aes256 }
    const { key } = await keys.createKey({ createKeyDetails, opcRetryToken })
    expect(key).toMatchObject({ displayName: opcRetryToken, lifecycleState: 'ENABLED' })
  }
  const names: string[] = []
  for await (const key of keys.listAllKeys({ compartmentId: vault.compartmentId, limit: 1000 })) {
    names.push(key.displayName)
    expect(key.lifecycleState).toBe('ENABLED')
  }
  expect(new Set(names).size).toBe(names.length)
}

/** The replica first, with the source cut off: what it needs was in its inbox before the acknowledgement. */
async function expectEverywhere(
  each: Clients,
  { directory }: Service,
  vault: models.Vault,
  replica: string,
  keys: readonly Acknowledged[],
): Promise<void> {
  await askFaultServer(directory, 'cut us-ashburn-1')
  await decryptAll(each, replica, keys)
  await askFaultServer(directory, 'heal')
  await decryptAll(each, vault.cryptoEndpoint, keys)
  for (const { keyId } of keys.filter(({ ciphertexts }) => ciphertexts.length === 0)) {
    const { ciphertext } = await encrypt(each, vault.cryptoEndpoint, keyId)
    await decrypt(each, replica, keyId, ciphertext)
  }
}

async function decryptAll(each: Clients, endpoint: string, keys: readonly Acknowledged[]): Promise<void> {
  for (const { keyId, ciphertexts } of keys) {
    for (const ciphertext of ciphertexts) {
      await until(`The decryption at ${endpoint}`, () => decrypt(each, endpoint, keyId, ciphertext))
    }
  }
}
