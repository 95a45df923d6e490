import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { grants } from '../../../deploy/grants.ts'
import { MemoryState } from '../../../lib/hsm/software/hsmState.ts'
import { openSoftwareHsm } from '../../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../../lib/ocid.ts'
import type { Queues, Tables, Write } from '../../../lib/ports.ts'
import { provisionRegion, type ProvisionPorts } from '../../../lib/aws/provisionRegion.ts'
import { readHsmState, writeHsmState, type KeptState } from '../../../lib/aws/hsmStateRow.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../../lib/store/sqlite/openSqliteRegionStore.ts'
import { systemMutation } from '../../../lib/kms/systemMutation.ts'
import { createVault } from '../../../lib/kms/vaults/vaults.ts'
import { jsonLogger } from '../../../lib/runtime/jsonLogger.ts'
import { composeTestRegion } from '../../harness/twoRegions.ts'
import { aKeyService } from '../../harness/aKeyService.ts'

const [home, other] = ['us-east-1', 'us-west-2'] as const
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()

let stores: SqliteRegionStore[] = []
let used: Set<string>
const keys = aKeyService()
const keks = aKeyService()

function portsOf(region: string): ProvisionPorts {
  const store = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
  stores.push(store)
  const { tables } = store
  const queues: Queues = {
    send: async ({ name }) => {
      used.add(`send ${name}`)
    },
  }
  const watched: Tables = {
    get: (table, pk, sk) => (used.add(`${table} get`), tables.get(table, pk, sk)),
    query: (table, pk, prefix, page) => (used.add(`${table} query`), tables.query(table, pk, prefix, page)),
    queryIndex: (table, index, gpk, page) => (used.add(`${table} list`), tables.queryIndex(table, index, gpk, page)),
    scan: (table, page) => (used.add(`${table} scan`), tables.scan(table, page)),
    advance: (...call) => (used.add('Requests advance'), tables.advance(...call)),
    write: (writes: readonly Write[], id?: string) => {
      for (const { table, op } of writes) used.add(`${table} ${op}`)
      return tables.write(writes, id)
    },
  }
  const common = { resourcePrefix: 'vaultspan-test', keys, homeRegion: home, random: randomBytes, clock: Date.now }
  return { ...common, keks: { keys: keks, region, resourcePrefix: 'vaultspan-test' }, region, tables: watched, queues }
}

let a: ProvisionPorts
let b: ProvisionPorts
beforeEach(() => {
  used = new Set()
  a = portsOf(home)
  b = portsOf(other)
})
afterEach(() => {
  for (const store of stores) store.close()
  stores = []
})

async function provision(name: string) {
  const { tenancyId, userId, trustRoot } = await provisionRegion(a, { step: 'createTenancy', name })
  for (const ports of [a, b]) {
    const { publicKey: identity } = await provisionRegion(ports, { step: 'openHsm' })
    const issue = { step: 'issueStatement', tenancyId, region: ports.region, publicKey: identity } as const
    const { statement } = await provisionRegion(a, issue)
    await provisionRegion(ports, { step: 'acceptStatement', trustRoot, statement })
  }
  await provisionRegion(a, { step: 'createAdministrator', tenancyId, userId, name, publicKeyPem })
  await provisionRegion(a, { step: 'sendIdentity', tenancyId, peer: other })
  return { tenancyId, userId, trustRoot, ...(await provisionRegion(a, { step: 'identityStatus', tenancyId })) }
}

/** As an older version's functions made it, in the home region. */
async function aVaultOfBefore(tenancyId: string): Promise<void> {
  const [store] = stores
  if (store === undefined) throw new Error('unreachable')
  const hsm = openSoftwareHsm({ region: home, realm, store: new MemoryState((await stateOf(a)).state) })
  const log = jsonLogger(() => undefined, 'silent')
  const { tables } = store
  const runtime = composeTestRegion({ region: home, tables, queues: a.queues, hsm, clock: Date.now, log })
  const details = { displayName: 'v', vaultType: 'DEFAULT', freeformTags: {}, definedTags: {} } as const
  await createVault(runtime, systemMutation(runtime, tenancyId, 'ImportVault'), {
    ...details,
    tenancyId,
    compartmentId: tenancyId,
    compartmentIds: [tenancyId],
  })
}

async function stateOf(ports: ProvisionPorts): Promise<KeptState> {
  const kept = await readHsmState(ports)
  if (kept === undefined || kept === 'unchanged') throw new Error('There is no state.')
  return kept
}

test('two regions come to trust each other through the tenancy’s root', async () => {
  const { tenancyId, seq } = await provision('acme')
  expect(seq).toBe(1)
  const [one, two] = await Promise.all(
    [a, b].map(async (ports) =>
      openSoftwareHsm({ region: ports.region, realm, store: new MemoryState((await stateOf(ports)).state) }),
    ),
  )
  const bytes = createHash('sha256').update('a message').digest()
  const signature = await two?.sign(bytes)
  if (one === undefined || two === undefined || signature === undefined) throw new Error('unreachable')
  expect(await one.isSignedBy(two.statement(tenancyId), bytes, signature)).toBe(true)
})

test('repeated, it makes nothing anew and writes no state', async () => {
  const first = await provision('acme')
  const { revision } = await stateOf(a)
  expect(await provision('acme')).toEqual(first)
  expect((await stateOf(a)).revision).toBe(revision)
  expect((await provision('globex')).tenancyId).not.toBe(first.tenancyId)
})

test('two that open an HSM at once agree on one', async () => {
  const opened = await Promise.all([1, 2, 3].map(() => provisionRegion(a, { step: 'openHsm' })))
  expect(new Set(opened.map(({ publicKey: identity }) => identity)).size).toBe(1)
})

test('its role allows what it does and no more', async () => {
  const first = await provision('acme')
  // Another instance of the function, which has not read the tenancy's identity yet.
  a = { ...a, tables: { ...a.tables } }
  expect(await provision('acme')).toEqual(first)
  await aVaultOfBefore(first.tenancyId)
  keks.calls.length = 0
  expect(await provisionRegion(a, { step: 'wrapStoredKeys', tenancyId: first.tenancyId })).toEqual({ wrapped: 1 })
  expect(keks.calls.map(({ action }) => action)).toEqual(['generate'])
  const { tables, sends } = grants.provision
  const granted = [
    ...Object.entries(tables).flatMap(([table, uses]) => uses.map((use) => `${table} ${use}`)),
    ...sends.own.map((queue) => `send ${queue}`),
  ]
  expect([...used].sort()).toEqual(granted.sort())
})

test('the state lies in the table as ciphertext only, and is opened again only where it changed', async () => {
  await provisionRegion(a, { step: 'openHsm' })
  const kept = await stateOf(a)
  const row = JSON.stringify(await a.tables.get('Replication', 'hsm', 'state'))
  for (const secret of [kept.state.root, kept.state.identity, 'PRIVATE KEY']) expect(row).not.toContain(secret)
  keys.calls.length = 0
  expect(await readHsmState(a, kept)).toBe('unchanged')
  expect(keys.calls).toEqual([])
})

test.each([
  ['another region’s table', () => b],
  ['another stage’s table', () => ({ ...b, region: home, resourcePrefix: 'vaultspan-other' })],
])('a state put into %s does not open', async (_what, into) => {
  await provisionRegion(a, { step: 'openHsm' })
  const item = await a.tables.get('Replication', 'hsm', 'state')
  if (item === undefined) throw new Error('unreachable')
  await into().tables.write([{ op: 'put', table: 'Replication', item }])
  await expect(readHsmState(into())).rejects.toThrow('InvalidCiphertextException')
})

test.each(['sealed', 'iv', 'revision'])('a state whose %s was altered is refused', async (member) => {
  await provisionRegion(a, { step: 'openHsm' })
  const item = await a.tables.get('Replication', 'hsm', 'state')
  if (item === undefined) throw new Error('unreachable')
  const text = item[member]
  const altered = typeof text === 'string' ? `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}` : 7
  await a.tables.write([{ op: 'put', table: 'Replication', item: { ...item, [member]: altered } }])
  await expect(readHsmState(a)).rejects.toMatchObject({ code: 'integrityFailure' })
})

test('of two writers of one state the second is refused', async () => {
  await provisionRegion(a, { step: 'openHsm' })
  const { state, revision } = await stateOf(a)
  expect(await writeHsmState(a, { state, revision: revision + 1 })).toBe(true)
  expect(await writeHsmState(a, { state, revision: revision + 1 })).toBe(false)
})

test('whoever knows the state reads its revision only, until the state changes', async () => {
  await provisionRegion(a, { step: 'openHsm' })
  const known = await stateOf(a)
  const read: string[] = []
  const watched = {
    ...a,
    tables: { ...a.tables, get: (...of: Parameters<Tables['get']>) => (read.push(of[2]), a.tables.get(...of)) },
  }
  expect(await readHsmState(watched, known)).toBe('unchanged')
  expect(read).toEqual(['state-revision'])
  await writeHsmState(a, { state: known.state, revision: known.revision + 1 })
  expect(await readHsmState(watched, known)).toMatchObject({ revision: known.revision + 1 })
})
