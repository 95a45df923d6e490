import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { exportAudit } from '../../local/audit/exportAudit.ts'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { AuditDirectory, itemsIn, someEvents, type StoredRow } from '../harness/chainedAudit.ts'

let directory: AuditDirectory
beforeEach(() => {
  directory = new AuditDirectory()
})
afterEach(() => {
  directory.remove()
})

const put = (database: DatabaseSync, { pk, sk, body }: Pick<StoredRow, 'pk' | 'sk' | 'body'>) =>
  database.prepare("INSERT OR REPLACE INTO item (tbl, pk, sk, body) VALUES ('Audit', ?, ?, ?)").run(pk, sk, body)

const oneEvent = () =>
  directory.process(async ({ tables, sink, event }) => {
    await tables.write(sink.writesOf(event()))
  })

describe('what would end a reader is named, and the rest is checked all the same:', () => {
  let row: StoredRow
  beforeEach(async () => {
    await someEvents(directory)
    const found = itemsIn(directory.rows()).find(({ item }) => item.chain?.seq === 2)
    if (found === undefined) throw new Error('There is no second place.')
    row = found
  })
  const verdictOn = async (body: string) => {
    directory.tamper((database) => {
      put(database, { ...row, body })
    })
    const { events, findings } = await directory.verify()
    expect(events).toBeGreaterThan(18)
    return findings
  }

  test.each([501, 6_000, 200_000])('an event of %d levels', async (levels) => {
    const deep = '['.repeat(levels) + ']'.repeat(levels)
    const findings = await verdictOn(row.body.replace('"events":[', `"events":[${deep},`))
    expect(findings).toMatchObject([
      { kind: 'altered', says: expect.stringContaining(row.sk) as unknown },
      { kind: 'missing' },
    ])
  })

  test.each([3e8, 2 ** 52])('a place %d', async (seq) => {
    const findings = await verdictOn(JSON.stringify({ ...row.item, chain: { ...row.item.chain, seq } }))
    const [event] = row.item.events
    expect(findings).toContainEqual(
      expect.objectContaining({
        kind: expect.stringMatching('altered|inserted') as unknown,
        eventId: event.eventId,
        says: expect.stringContaining(`has the place ${seq} of its writer's chain, far behind its end`) as unknown,
      }),
    )
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'missing' }))
  })

  test('a place so far behind that its chain holds nothing else there, and says what it knows of all of them', async () => {
    const open = Array.from({ length: 5_000 }, (_, index) => [index * 100 + 20, index * 100 + 110])
    const chain = { ...row.item.chain, seq: 900_000, open }
    expect(await verdictOn(JSON.stringify({ ...row.item, chain }))).not.toEqual([])
  })
})

describe('an event without a place', () => {
  const unplaced = (time: string): Pick<StoredRow, 'pk' | 'sk' | 'body'> => {
    const pk = `ocid1.tenancy.oc1..t#${time.slice(0, 16)}#0`
    const sk = `${time}#e`
    const event = { eventType: 'x.CreateUser', eventId: 'e', eventTime: time, data: { compartmentId: 'c' } }
    return { pk, sk, body: JSON.stringify({ pk, sk, events: [event] }) }
  }
  const putIn = (time: string) => {
    directory.tamper((database) => {
      put(database, unplaced(time))
    })
  }
  const inserted = (count: number) =>
    Array.from({ length: count }, () => expect.objectContaining({ kind: 'inserted', eventId: 'e' }) as unknown)

  test('was put in, however old it claims to be, where the region’s first event has one', async () => {
    await oneEvent()
    putIn('2020-01-01T00:00:00.000Z')
    expect(await directory.verify()).toMatchObject({ beforeChain: 0, findings: inserted(1) })
  })

  test('is from before the chain where the region’s first event has none, but not after this version began', async () => {
    // An empty store, in which an older version writes.
    await directory.process(async () => {})
    putIn('2026-01-01T00:00:00.000Z')
    await oneEvent()
    expect(await directory.verify()).toMatchObject({ beforeChain: 1, findings: [] })
    await oneEvent()
    putIn(new Date(directory.now - 1).toISOString())
    expect(await directory.verify()).toMatchObject({ beforeChain: 1, findings: inserted(1) })
  })
})

test('a first head that is deleted is named itself, not the events that it covered', async () => {
  await someEvents(directory)
  directory.tamper((database) => {
    database.exec(
      "DELETE FROM item WHERE pk = (SELECT min(pk) FROM item WHERE pk LIKE 'auditHead#%') AND sk = '0000000001'",
    )
  })
  expect(await directory.findings()).toMatchObject([
    {
      kind: 'head',
      says: expect.stringMatching(/^Head 2 .* is the first that is there: head 1 was deleted\.$/) as unknown,
    },
  ])
})

test('a head in the middle that is deleted is named itself', async () => {
  await directory.process(async ({ tables, sink, event, chain }) => {
    for (let count = 0; count < 4; count += 1) {
      await tables.write(sink.writesOf(event()))
      await chain.seal()
    }
  })
  directory.tamper((database) => {
    database.exec("DELETE FROM item WHERE pk LIKE 'auditHead#%' AND sk = '0000000002'")
  })
  expect(await directory.findings()).toMatchObject([
    { kind: 'head', says: expect.stringContaining('does not follow the one before: head 2 was deleted.') as unknown },
  ])
})

test('what a region whose clock is ahead has removed has expired, whatever the time is where it is verified', async () => {
  const wallClock = directory.now
  await directory.process(async ({ tables, sink, event, chain }) => {
    sink.keepFor(() => 90)
    await tables.write(sink.writesOf(event()))
    await chain.seal()
    directory.now += 95 * 86_400_000
    await tables.write(sink.writesOf(event()))
  })
  directory.tamper((database) => {
    const { changes } = database.prepare('DELETE FROM item WHERE expires_at <= ?').run(directory.now / 1000)
    expect(changes).toBeGreaterThan(0)
  })
  const ahead = directory.now
  directory.now = wallClock
  const { findings, aheadBy, events } = await directory.verify()
  expect({ findings, events }).toEqual({ findings: [], events: 1 })
  expect(aheadBy).toBeCloseTo((ahead - wallClock) / 1000, 0)
})

test('an export is judged by the time at which it was made, however long it is kept', async () => {
  await directory.process(async ({ tables, sink, event }) => {
    sink.keepFor(() => 90)
    await tables.write(sink.writesOf(event()))
  })
  const file = join(directory.path, 'copy.jsonl')
  await exportAudit(file, { data: directory.path, now: directory.now })
  const now = directory.now + 400 * 86_400_000
  const verdict = async () => (await verifyAudit([file], { now, root: directory.path })).reports
  expect(await verdict()).toMatchObject([{ events: 1, expired: 0, findings: [] }])
  const lines = readFileSync(file, 'utf8').split('\n')
  writeFileSync(file, lines.filter((line) => !line.includes('"events":')).join('\n'))
  expect(await verdict()).toMatchObject([{ events: 0, findings: [{ kind: 'missing' }] }])
})
