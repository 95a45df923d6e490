import { auditWrite, type AuditEvent } from '../../lib/kms/audit.ts'
import { listEvents } from '../../lib/kms/listEvents.ts'
import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { systemTimers } from '../../lib/runtime/systemTimers.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import type { Write } from '../../lib/ports.ts'

const now = Date.parse('2026-05-05T10:10:10Z')
const log = jsonLogger(() => undefined, 'silent')
const compartmentId = 'ocid1.compartment.oc1..a'

const eventOf = (id: string, more = '') =>
  ({
    eventType: 't',
    eventId: id,
    eventTime: new Date(now).toISOString(),
    data: { compartmentId, more },
  }) satisfies AuditEvent

function open() {
  const { tables, close } = openSqliteRegionStore({
    file: ':memory:',
    clock: () => now,
    newId: () => crypto.randomUUID(),
  })
  const refuse: ((writes: readonly Write[]) => boolean)[] = []
  const losses: number[] = []
  const sink = new GroupedAuditSink(
    {
      write: (writes) =>
        refuse.at(-1)?.(writes) === true ? Promise.reject(new Error('throttled')) : tables.write(writes),
    },
    { flushMs: 1_000_000, crypto: 'on', log, timers: systemTimers, onLoss: (count) => losses.push(count) },
  )
  const listed = async () => {
    const range = { startTime: '2026-05-05T00:00:00.000Z', endTime: '2026-05-06T00:00:00.000Z', limit: 1000 }
    const { events } = await listEvents({ tables, clock: () => now }, { compartmentId, ...range })
    return events.map(({ eventId }) => eventId)
  }
  const end = async () => {
    refuse.push(() => false)
    await sink.close()
    close()
  }
  return { sink, refuse, losses, listed, tables, end }
}

const isMark = (writes: readonly Write[]) =>
  writes.some((each) => each.op === 'put' && each.item.pk.startsWith('marks#'))

test.each([
  ['mark', isMark],
  ['events', (writes: readonly Write[]) => !isMark(writes)],
])('what a throttled write of the %s has cost is listed with the next flush, and once', async (_what, isRefused) => {
  const { sink, refuse, losses, listed, end } = open()
  refuse.push(isRefused)
  sink.append(eventOf('1'))
  await sink.flush()
  expect(await listed()).toEqual([])
  refuse.push(() => false)
  sink.append(eventOf('2'))
  await sink.flush()
  expect(await listed()).toEqual(['1', '2'])
  expect([losses, sink.lost]).toEqual([[], 0])
  await end()
})

test('a change whose mark was throttled is listed when the next event of its minute comes', async () => {
  const { sink, refuse, listed, tables, end } = open()
  refuse.push(isMark)
  await expect(sink.prepare(eventOf('1'))).rejects.toThrow('throttled')
  await tables.write([auditWrite(eventOf('1'))])
  refuse.push(() => false)
  await sink.prepare(eventOf('2'))
  expect(await listed()).toEqual(['1'])
  await end()
})

test('what the table never takes is given up, counted and told', async () => {
  const { sink, refuse, losses, listed, end } = open()
  refuse.push(() => true)
  for (const id of ['1', '2', '3']) sink.append(eventOf(id))
  for (let flush = 0; flush < 10; flush += 1) await sink.flush()
  expect([losses, sink.lost]).toEqual([[3], 3])
  refuse.push(() => false)
  await sink.flush()
  expect(await listed()).toEqual([])
  await end()
})

test('what waits at the end and is not taken is counted too', async () => {
  const { sink, refuse, losses, end } = open()
  refuse.push(() => true)
  sink.append(eventOf('1'))
  await sink.close()
  expect(losses).toEqual([1])
  await end()
})

test('what comes while too much waits is dropped, counted and told', async () => {
  const { sink, losses, end } = open()
  for (let count = 0; count < 50_010; count += 1) sink.append(eventOf(String(count)))
  await sink.flush()
  expect(losses).toEqual([10])
  await end()
})

test('events of many bytes are written in items that a table takes', async () => {
  const { sink, losses, listed, end } = open()
  const ids = Array.from({ length: 25 }, (_, index) => String(index).padStart(2, '0'))
  for (const id of ids) sink.append(eventOf(id, 'x'.repeat(16_000)))
  await sink.flush()
  expect(await listed()).toEqual(ids)
  expect(losses).toEqual([])
  await end()
})
