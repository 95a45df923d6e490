import { markedAuditWrites, type AuditEvent } from '../../lib/kms/audit.ts'
import { listEvents } from '../../lib/kms/listEvents.ts'
import { keepingAudit } from '../../lib/store/auditRetention.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

const day = 86_400_000
const start = Date.parse('2026-01-31T12:00:00Z')

test('an event is listed for as many days as it is kept, and then it is gone with its minute; all else stays', async () => {
  let now = start
  const clock = () => now
  const store = openSqliteRegionStore({ file: ':memory:', clock, newId: () => 'id' })
  const tables = keepingAudit(store.tables, 400, clock)
  const event: AuditEvent = {
    eventType: 'CreateKey',
    eventId: 'aaaa',
    eventTime: new Date(start).toISOString(),
    data: { compartmentId: 'c' },
  }
  const key = { pk: 'vault', sk: 'row' }
  await tables.write([...markedAuditWrites(event), { op: 'put', table: 'Vaults', item: key }])
  const [startTime, endTime] = [start - day, start + day].map((ms) => new Date(ms).toISOString()) as [string, string]
  const list = async () =>
    (await listEvents({ tables, clock }, { compartmentId: 'c', startTime, endTime, limit: 9 })).events
  now = start + 400 * day - 1000
  expect(await list()).toEqual([event])
  now = start + 400 * day
  expect(await list()).toEqual([])
  expect(await store.tables.sweepExpired(9)).toBe(2)
  expect(await tables.get('Vaults', key.pk, key.sk)).toEqual(key)
  store.close()
})
