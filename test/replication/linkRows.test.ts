import { randomUUID } from 'node:crypto'
import { linkKey, noteKeeper } from '../../lib/replication/link/links.ts'
import { transportUsed } from '../../lib/replication/link/transport.ts'
import type { TransportOffer } from '../../lib/hsm/hsm.ts'
import type { VaultRow } from '../../lib/kms/rows/rows.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

const row = { id: 'ocid1.vault.oc1.iad.p.v', fence: 1 } as VaultRow
const { pk, sk } = linkKey(row)
const offer = { keeper: 'token' } as TransportOffer

function openTables() {
  const { tables } = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
  const put = (item: object) => tables.write([{ op: 'put', table: 'Replication', item: { pk, sk, ...item } }])
  const get = tables.get.bind(tables)
  const stored = () => get('Replication', pk, sk)
  return { tables, put, stored }
}

test('what keeps a replica’s keys is noted with its link, and once', async () => {
  const { tables, put, stored } = openTables()
  await noteKeeper({ tables }, row, offer)
  expect(await stored()).toBeUndefined()
  await put({ begin: 'b' })
  await noteKeeper({ tables }, row, offer)
  expect(await stored()).toEqual({ pk, sk, begin: 'b', replicaKeys: 'token' })
  tables.write = () => {
    throw new Error('It is noted.')
  }
  await noteKeeper({ tables }, row, offer)
})

test.each([{ begin: 'b' }, { begin: 'b', replicaKeys: 'simulated' }])(
  'nothing is left of a link that goes while that is noted: %j',
  async (link) => {
    const { tables, put, stored } = openTables()
    await put(link)
    tables.get = async () => {
      const found = await stored()
      await tables.write([{ op: 'delete', table: 'Replication', pk, sk }])
      return found
    }
    await noteKeeper({ tables }, row, offer)
    expect(await stored()).toBeUndefined()
  },
)

test('a transport key is used up once', async () => {
  const { tables, put } = openTables()
  await put({})
  expect(await tables.write([transportUsed({ pk, sk })])).toMatchObject({ ok: true })
  expect(await tables.write([transportUsed({ pk, sk })])).toMatchObject({ ok: false })
})
