import { randomUUID } from 'node:crypto'
import { auditWrite, minuteMark, type AuditEvent } from '../../lib/kms/audit.ts'
import { newOcid } from '../../lib/ocid.ts'
import type { Item, Page, Write } from '../../lib/ports.ts'
import { makeCompartment } from '../harness/compartmentStory.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** No list reads more than it shows, but for a bound, and none answers with more than fits. */

const cloud = cloudOfEachTest()

interface CountedPage {
  readonly list: readonly Readonly<Record<string, unknown>>[]
  readonly bytes: number
  /** How many items the tables gave for it. */
  readonly read: number
}

/** Every page of a list, each with what it cost. */
async function pagesOf(target: string, host = 'region'): Promise<readonly CountedPage[]> {
  const { tables } = cloud.a.store
  const [query, queryIndex] = [tables.query.bind(tables), tables.queryIndex.bind(tables)]
  let read = 0
  const counted = async (found: Promise<Page>) => {
    const page = await found
    read += page.items.length
    return page
  }
  tables.query = (...asked) => counted(query(...asked))
  tables.queryIndex = (...asked) => counted(queryIndex(...asked))
  const pages: CountedPage[] = []
  try {
    for (let page = ''; ;) {
      read = 0
      const answer = await cloud.call(cloud.a, 'GET', `${target}${page}`, undefined, { host })
      expect(answer.status).toBe(200)
      pages.push({ list: answer.list, bytes: Buffer.byteLength(JSON.stringify(answer.text)), read })
      if (answer.headers['opc-next-page'] === undefined) return pages
      page = `&page=${answer.headers['opc-next-page']}`
    }
  } finally {
    Object.assign(tables, { query, queryIndex })
  }
}

/** Lambda answers with 6 MB at the most, the answer's text written as JSON once more. */
const lambdaBytes = 6_000_000

async function writeAll(writes: readonly Write[]): Promise<void> {
  for (let from = 0; from < writes.length; from += 40) {
    await cloud.a.store.tables.write(writes.slice(from, from + 40))
  }
}

describe('ListKeys', () => {
  test('of a compartment that has none costs a bounded page, however many keys the vault has', async () => {
    const empty = await makeCompartment(cloud, 'empty')
    const vaultId = await makeVault(cloud)
    const rows = Array.from({ length: 6000 }, (_, count): Item => {
      const id = newOcid((bytes) => Buffer.from(randomUUID().repeat(2)).subarray(0, bytes), 'key')
      const place = `2026-01-01T00:00:00.000Z#${id}`
      return { pk: id, sk: 'key', compartmentId: cloud.tenancyId, gpk: `keys#${vaultId}#${count % 16}`, byTime: place }
    })
    await writeAll(rows.map((item) => ({ op: 'put', table: 'Keys', item })))
    const pages = await pagesOf(`/20180608/keys?compartmentId=${empty}`, vaultId)
    expect(pages.flatMap(({ list }) => list)).toEqual([])
    expect(pages.length).toBeGreaterThan(2)
    expect(Math.max(...pages.map(({ read }) => read))).toBeLessThan(3000)
  })

  test('answers with large keys in pages that fit', async () => {
    const vaultId = await makeVault(cloud)
    // As JSON within JSON a quote takes four bytes.
    const definedTags = { large: { tag: '"'.repeat(30_000) } }
    const made: unknown[] = []
    for (let count = 0; count < 60; count += 1) {
      const details = { compartmentId: cloud.tenancyId, displayName: 'key', keyShape: { algorithm: 'AES', length: 32 } }
      const { body } = await cloud.call(
        cloud.a,
        'POST',
        '/20180608/keys',
        { ...details, definedTags },
        { host: vaultId },
      )
      made.push(body['id'])
    }
    const pages = await pagesOf(`/20180608/keys?compartmentId=${cloud.tenancyId}&limit=1000`, vaultId)
    expect(pages.flatMap(({ list }) => list.map(({ id }) => id)).sort()).toEqual([...made].sort())
    expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeLessThan(lambdaBytes)
  })
})

test('ListPolicies answers with large policies in pages that fit', async () => {
  const definedTags = { large: { tag: '"'.repeat(30_000) } }
  for (let count = 0; count < 60; count += 1) {
    const details = { compartmentId: cloud.tenancyId, name: `p${count}`, description: 'd', definedTags }
    const statements = ['Allow group Administrators to inspect keys in tenancy']
    expect((await cloud.call(cloud.a, 'POST', '/20160918/policies', { ...details, statements })).status).toBe(200)
  }
  const pages = await pagesOf(`/20160918/policies?compartmentId=${cloud.tenancyId}&limit=1000`)
  const names = pages.flatMap(({ list }) => list.map(({ name }) => String(name)))
  expect(names.filter((name) => name.startsWith('p')).length).toBe(60)
  expect(new Set(names).size).toBe(names.length)
  expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeLessThan(lambdaBytes)
})

describe('ListEvents', () => {
  const compartmentId = () => cloud.tenancyId
  const at = Date.parse('2026-03-01T12:10:00Z')
  const range = 'startTime=2026-03-01T12:10:00Z&endTime=2026-03-01T12:12:00Z'

  const anEvent = (time: number, more = {}): AuditEvent => ({
    eventType: 't',
    eventId: randomUUID(),
    eventTime: new Date(time).toISOString(),
    data: { compartmentId: compartmentId(), ...more },
  })

  async function store(events: readonly AuditEvent[]): Promise<void> {
    await writeAll(
      [...new Set(events.map((event) => event.eventTime.slice(0, 16)))].map((minute) => {
        return minuteMark({ eventTime: minute, data: { compartmentId: compartmentId() } })
      }),
    )
    await writeAll(events.map(auditWrite))
  }

  test('reads of a crowded minute what it shows, and shows each event once and in order', async () => {
    const events = Array.from({ length: 3000 }, (_, count) => anEvent(at + count * 30))
    await store(events)
    const pages = await pagesOf(`/20190901/auditEvents?compartmentId=${compartmentId()}&${range}`)
    expect(pages.flatMap(({ list }) => list.map(({ eventId }) => eventId))).toEqual(
      events.map(({ eventId }) => eventId),
    )
    expect(pages.length).toBeLessThan(40)
    expect(Math.max(...pages.map(({ read }) => read))).toBeLessThan(400)
  })

  test('shows each event of a group once, where a page ends within it', async () => {
    const events = Array.from({ length: 1000 }, (_, count) => anEvent(at + count * 40))
    await store([])
    const groups = Array.from({ length: 40 }, (_, group) => events.filter((_event, count) => count % 40 === group))
    for (const group of groups) {
      const [first] = group
      if (first === undefined) continue
      const write = auditWrite(first)
      await writeAll([{ ...write, item: { ...write.item, events: group } }, minuteMark(first)])
    }
    const pages = await pagesOf(`/20190901/auditEvents?compartmentId=${compartmentId()}&${range}`)
    const shown = pages.flatMap(({ list }) => list.map(({ eventId }) => String(eventId)))
    expect(shown).toHaveLength(events.length)
    expect(new Set(shown)).toEqual(new Set(events.map(({ eventId }) => eventId)))
  })

  test('of a second in a crowded minute costs bounded pages', async () => {
    await store(Array.from({ length: 3000 }, (_, count) => anEvent(at + count * 20)))
    const second = 'startTime=2026-03-01T12:10:59Z&endTime=2026-03-01T12:11:00Z'
    const pages = await pagesOf(`/20190901/auditEvents?compartmentId=${compartmentId()}&${second}`)
    expect(pages.flatMap(({ list }) => list)).toHaveLength(50)
    expect(Math.max(...pages.map(({ read }) => read))).toBeLessThan(1200)
  })

  test('answers with large events in pages that fit', async () => {
    const events = Array.from({ length: 60 }, (_, count) => anEvent(at + count, { large: '"'.repeat(40_000) }))
    await store(events)
    const pages = await pagesOf(`/20190901/auditEvents?compartmentId=${compartmentId()}&${range}`)
    expect(pages.flatMap(({ list }) => list.map(({ eventId }) => eventId))).toEqual(
      events.map(({ eventId }) => eventId),
    )
    expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeLessThan(lambdaBytes)
  })
})

describe('ListKeyVersionUsage', () => {
  beforeEach(() => {
    cloud.clock.now = Date.parse('2026-03-01T12:00:00Z')
  })

  test('counts days up to today, and answers with as many lines as were asked for', async () => {
    const vaultId = await makeVault(cloud)
    const keys: unknown[] = []
    for (let count = 0; count < 3; count += 1) keys.push((await makeKey(cloud, vaultId)).body['id'])
    await cloud.settle()
    cloud.clock.now = Date.parse('2026-12-30T12:00:00Z')
    const target = '/20180608/usage/keyVersions?from=2026-03-01&to=2027-02-28'
    const pages = await pagesOf(`${target}&limit=100`)
    const lines = pages.flatMap(({ list }) => list)
    const days = Array.from({ length: 305 }, (_, count) =>
      new Date(Date.UTC(2026, 2, 1 + count)).toISOString().slice(0, 10),
    )
    for (const id of keys) {
      expect(lines.filter(({ keyId }) => keyId === id).map(({ day }) => day)).toEqual(days)
    }
    expect(lines).toHaveLength(3 * 305)
    expect(Math.max(...pages.map(({ list }) => list.length))).toBe(100)
    expect(Math.max(...pages.map(({ read }) => read))).toBeLessThanOrEqual(202)
    expect(
      (await pagesOf('/20180608/usage/keyVersions?from=2026-12-31&to=2027-02-28')).map(({ list }) => list),
    ).toEqual([[]])
  })
})
