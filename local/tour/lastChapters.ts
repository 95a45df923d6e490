import { withClients, type Clients } from './clients.ts'
import { requireEqual, requireNoAnswer, requireRefusal, until } from './expect.ts'
import type { ReplicaEndpoints, Secret, Started } from './firstChapters.ts'
import { TourFailure } from './reason.ts'
import type { Report } from './report.ts'
import type { TourService } from './service.ts'
import { aes256, createKey, decrypt, encrypt, p256, sign, verify } from './steps.ts'

/** One vault in two places: what may be done where. Answers everything that must still decrypt later. */
export function oneVaultTwoRegions(
  service: TourService,
  report: Report,
  { vault, key, secret }: Started,
  endpoints: ReplicaEndpoints,
): Promise<readonly Secret[]> {
  const { compartmentId, source, replica } = service
  report.heading('One vault, two regions')
  return withClients(service, async (clients) => {
    await report.step('Management at the replica is refused', async () => {
      const call = createKey(clients, endpoints.management, compartmentId, 'never', aes256)
      const message = await requireRefusal(call, 409, 'Conflict')
      if (!message.includes(source.region)) throw new TourFailure(`The refusal does not name ${source.region}.`)
      return { value: undefined, note: `409 Conflict: ${message}` }
    })
    const rotated = await report.step('Rotate the key; old and new ciphertext decrypt in both', async () => {
      const { keyVersion } = await clients.keys(vault.managementEndpoint).createKeyVersion({ keyId: key.id })
      const { ciphertext, keyVersionId } = await encrypt(clients, vault.cryptoEndpoint, key.id)
      requireEqual('The version that encrypts', keyVersionId, keyVersion.id)
      const value: Secret = { keyId: key.id, ciphertext }
      for (const endpoint of [vault.cryptoEndpoint, endpoints.crypto]) {
        for (const each of [secret, value]) await decryptSoon(clients, endpoint, each)
      }
      return { value, note: 'each ciphertext names its version' }
    })
    await report.step(`Sign in ${source.region}, verify in ${replica.region}`, async () => {
      const signing = await createKey(clients, vault.managementEndpoint, compartmentId, 'signing', p256)
      const signed = await sign(clients, vault.cryptoEndpoint, signing.id)
      const isValid = await until('The signing key at the replica', () => verify(clients, endpoints.crypto, signed))
      requireEqual('The verdict at the replica', isValid, true)
      return { value: undefined, note: 'ECDSA P-256, SHA-256' }
    })
    return [secret, rotated]
  })
}

/** A key or version that was just made may be some milliseconds away from the replica. */
async function decryptSoon(clients: Clients, endpoint: string, { keyId, ciphertext }: Secret): Promise<void> {
  await until(`The decryption at ${endpoint}`, () => decrypt(clients, endpoint, keyId, ciphertext))
}

/** The source region is lost; the replica does not notice. Whatever happens here, the network is whole afterwards. */
export async function aRegionIsLost(
  service: TourService,
  report: Report,
  { vault }: Started,
  endpoints: ReplicaEndpoints,
  secrets: readonly Secret[],
): Promise<void> {
  const { source, replica, compartmentId } = service
  report.heading(`${source.region} is lost`)
  await withClients(service, async (clients) => {
    await report.step(`Cut ${source.region} off`, async () => ({
      value: undefined,
      note: await service.faults(`cut ${source.region}`),
    }))
    await report.step(`${source.region} answers nobody`, async () => {
      const codes = [
        await requireNoAnswer(clients.vaults(source.endpoint).listVaults({ compartmentId }), source.endpoint),
        await requireNoAnswer(decryptAll(clients, vault.cryptoEndpoint, secrets), vault.cryptoEndpoint),
      ]
      return { value: undefined, note: `its own endpoint and the vault's: ${[...new Set(codes)].join(', ')}` }
    })
    await report.step(`Decrypt in ${replica.region} all the same`, async () => {
      await decryptAll(clients, endpoints.crypto, secrets)
      return { value: undefined, note: `${secrets.length} ciphertexts, both versions of the key` }
    })
  })
  await withClients(service, (clients) =>
    report.step(`Bring ${source.region} back`, async () => {
      const state = await service.faults('heal')
      await decryptAll(clients, vault.cryptoEndpoint, secrets)
      return { value: undefined, note: `${state}; it decrypts again` }
    }),
  )
}

async function decryptAll(clients: Clients, endpoint: string, secrets: readonly Secret[]): Promise<void> {
  for (const { keyId, ciphertext } of secrets) await decrypt(clients, endpoint, keyId, ciphertext)
}

/** What is left to look at, and the end of the replica. */
export function theEnd(
  service: TourService,
  report: Report,
  { vault }: Started,
  endpoints: ReplicaEndpoints,
  [secret]: readonly Secret[],
  startedAt: number,
): Promise<void> {
  const { source, replica } = service
  report.heading('Afterwards')
  return withClients(service, async (clients) => {
    await report.step('The audit shows the replica’s creation', async () => {
      const wanted = ['begin', 'end'].map((part) => `com.oraclecloud.KeyManagementService.CreateVaultReplica.${part}`)
      await until('The audit', async () => {
        const types = await eventTypesOf(clients, service, vault.id, startedAt)
        return wanted.every((type) => types.has(type)) ? true : undefined
      })
      return { value: undefined, note: 'CreateVaultReplica.begin and .end' }
    })
    await report.step('Delete the replica', async () => {
      const vaults = clients.vaults(source.endpoint)
      const deleteVaultReplicaDetails = { replicaRegion: replica.region }
      await vaults.deleteVaultReplica({ vaultId: vault.id, deleteVaultReplicaDetails })
      await until('The deletion of the replica', async () => {
        const { items } = await vaults.listVaultReplicas({ vaultId: vault.id })
        return items.length === 0 ? true : undefined
      })
      if (secret !== undefined)
        await requireRefusal(decryptAll(clients, endpoints.crypto, [secret]), 404, 'NotAuthorizedOrNotFound')
      return { value: undefined, note: `gone from ${replica.region}; the vault in ${source.region} is untouched` }
    })
  })
}

/** The types of all events about a resource since the tour began. */
async function eventTypesOf(
  clients: Clients,
  { source, compartmentId }: TourService,
  resourceId: string,
  startedAt: number,
): Promise<ReadonlySet<string>> {
  const audit = clients.audit(source.endpoint)
  const range = { startTime: clientTime(startedAt - 60_000), endTime: clientTime(Date.now() + 60_000) }
  const types = new Set<string>()
  for (let page: string | undefined; ;) {
    const more = page === undefined ? {} : { page }
    const { items, opcNextPage } = await audit.listEvents({ compartmentId, ...range, ...more })
    for (const { eventType, data } of items) if (data.resourceId === resourceId) types.add(eventType)
    if (!opcNextPage) return types
    page = opcNextPage
  }
}

/** This client writes a query's times in local time and labels them `Z` (contract §10.2): a time that it writes right. */
function clientTime(ms: number): Date {
  return new Date(ms + new Date(ms).getTimezoneOffset() * 60_000)
}
