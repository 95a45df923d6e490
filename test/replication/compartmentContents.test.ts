import { randomUUID } from 'node:crypto'
import { firstContained, movedTo, placedIn } from '../../lib/kms/identity/compartmentContents.ts'
import type { Write } from '../../lib/ports.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

const [tenancy, here, there] = ['ocid1.tenancy.oc1..t', 'ocid1.compartment.oc1..a', 'ocid1.compartment.oc1..b'] as const
const key = { table: 'Keys', id: 'ocid1.key.oc1.iad.v.k' } as const

let store: SqliteRegionStore
beforeEach(async () => {
  store = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
  await Promise.all([here, there].map((id) => setState(id, 'ACTIVE')))
})
afterEach(() => {
  store.close()
})

const setState = (id: string, lifecycleState: string) =>
  store.tables.write([{ op: 'put', table: 'Identity', item: { pk: tenancy, sk: `compartment#${id}`, lifecycleState } }])
const row = (compartmentId: string, lifecycleState = 'ENABLED'): Write => ({
  op: 'put',
  table: 'Keys',
  item: { pk: key.id, sk: 'key', compartmentId, lifecycleState },
})
const found = () => Promise.all([here, there].map((id) => firstContained(store, id)))

test('a key counts where it was placed, and after a move only there', async () => {
  await store.tables.write([row(here), ...placedIn(tenancy, here, key)])
  expect(await found()).toEqual([key.id, undefined])
  await store.tables.write([row(there), ...movedTo(tenancy, here, there, key)])
  expect(await found()).toEqual([undefined, key.id])
  await store.tables.write([row(tenancy), ...movedTo(tenancy, there, tenancy, key)])
  expect(await found()).toEqual([undefined, undefined])
})

test('a move to where it is leaves it there', async () => {
  await store.tables.write([row(here), ...placedIn(tenancy, here, key)])
  expect(await store.tables.write([row(here), ...movedTo(tenancy, here, here, key)])).toEqual({ ok: true })
  expect(await found()).toEqual([key.id, undefined])
})

test.each(['DELETING', 'DELETED'])('nothing moves into a compartment that is %s', async (state) => {
  await setState(there, state)
  expect(await store.tables.write([...movedTo(tenancy, here, there, key), row(there)])).toEqual({
    ok: false,
    failed: [0],
  })
})

test('a DELETED key and a mark without a row do not count, however many', async () => {
  const marks = Array.from(
    { length: 150 },
    (_, index) => placedIn(tenancy, here, { ...key, id: `${key.id}${index}` })[1],
  )
  for (const mark of marks) if (mark !== undefined) await store.tables.write([mark])
  await store.tables.write([row(here, 'DELETED'), ...placedIn(tenancy, here, key)])
  expect(await found()).toEqual([undefined, undefined])
  const last = { table: 'Keys', id: 'ocid1.key.oc1.iad.v.zzz' } as const
  const live: Write = {
    op: 'put',
    table: 'Keys',
    item: { pk: last.id, sk: 'key', compartmentId: here, lifecycleState: 'DISABLED' },
  }
  await store.tables.write([live, ...placedIn(tenancy, here, last)])
  expect(await found()).toEqual([last.id, undefined])
})

test('the tenancy itself takes neither mark nor check', () => {
  expect(placedIn(tenancy, tenancy, key)).toEqual([])
})
