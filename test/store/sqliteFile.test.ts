import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { inTime, startGroup } from '../harness/processGroup.ts'
import { openingRefusal } from '../../lib/store/sqlite/sqliteDatabase.ts'
import { openStore, withFile } from './sqliteHarness.ts'
import { anItem, written } from './tableHarness.ts'

function foreignDatabase(file: string, sql: string): void {
  const db = new DatabaseSync(file)
  db.exec(sql)
  db.close()
}

describe('a region file', () => {
  test('keeps tables, changes and queues over a restart', async () => {
    await withFile(async (file) => {
      const first = openStore(file)
      await first.tables.write([{ op: 'put', table: 'Keys', item: anItem('p') }])
      await first.queues.send('inbox', [{ body: 'a' }, { body: 'b', delaySeconds: 60 }])
      await first.queues.receive('inbox', 1)
      await first.close()
      const second = openStore(file)
      expect(await second.tables.get('Keys', 'p', 'row')).toEqual(anItem('p'))
      expect(await second.changes()).toHaveLength(1)
      expect(await second.queues.counts('inbox')).toEqual({ visible: 0, inFlight: 1, delayed: 1 })
      second.advance(30_000)
      expect(await second.queues.receive('inbox', 10)).toEqual([
        expect.objectContaining({ body: 'a', receiveCount: 2 }),
      ])
      await second.close()
    })
  })

  test('never numbers a change twice, though all were trimmed before a restart', async () => {
    await withFile(async (file) => {
      const put = { op: 'put', table: 'Keys', item: anItem('p') } as const
      const first = openStore(file)
      await first.tables.write([put])
      await first.tables.write([put])
      const last = (await first.tables.readChanges(0, 10)).at(-1)?.seq ?? 0
      await first.tables.trimChanges(last)
      await first.close()
      const second = openStore(file)
      expect(await second.tables.readChanges(0, 10)).toEqual([])
      await second.tables.write([put])
      expect(await second.tables.readChanges(last, 10)).toHaveLength(1)
      await second.close()
    })
  })

  test('is readable by its owner only, and so is its log', async () => {
    await withFile(async (file) => {
      const store = openStore(file)
      expect([file, `${file}-wal`].map((name) => statSync(name).mode & 0o777)).toEqual([0o600, 0o600])
      await store.close()
    })
  })

  test('is refused while another store has it open', async () => {
    await withFile(async (file) => {
      const store = openStore(file)
      expect(() => openStore(file)).toThrow(`${file} is in use by another process; stop that one first.`)
      expect(await store.tables.write([{ op: 'put', table: 'Keys', item: anItem('p') }])).toEqual(written)
      await store.close()
    })
  })

  test('of a newer format is refused and left as it is', async () => {
    await withFile(async (file) => {
      foreignDatabase(file, "CREATE TABLE format (name TEXT); INSERT INTO format VALUES ('vaultspan/region-store/2')")
      const before = readFileSync(file)
      expect(() => openStore(file)).toThrow(
        `${file} has the format vaultspan/region-store/2; this Vaultspan reads vaultspan/region-store/1. Use the version that wrote it.`,
      )
      expect(readFileSync(file)).toEqual(before)
    })
  })

  test.each([
    ['another program', 'CREATE TABLE notes (text TEXT)'],
    [
      'another program with a table of the same name',
      "CREATE TABLE format (name TEXT); INSERT INTO format VALUES ('jpeg')",
    ],
    ['another program with other columns', 'CREATE TABLE format (id INTEGER)'],
  ])('of %s is refused and left as it is', async (_, sql) => {
    await withFile(async (file) => {
      foreignDatabase(file, sql)
      const before = readFileSync(file)
      expect(() => openStore(file)).toThrow(`${file} is not a Vaultspan region store.`)
      expect(readFileSync(file)).toEqual(before)
    })
  })

  test('that is no database is refused and left as it is', async () => {
    await withFile(async (file) => {
      writeFileSync(file, 'x'.repeat(10_000))
      expect(() => openStore(file)).toThrow(`${file} is not a Vaultspan region store.`)
      expect(readFileSync(file, 'utf8')).toBe('x'.repeat(10_000))
    })
  })

  test('that is damaged is refused', async () => {
    await withFile(async (file) => {
      await openStore(file).close()
      const bytes = readFileSync(file)
      writeFileSync(file, bytes.fill(0xff, 100, 4096))
      expect(() => openStore(file)).toThrow(`${file} is damaged; restore it from a backup or from a replica.`)
    })
  })

  test('in a directory that does not exist is refused', async () => {
    await withFile(async (file) => {
      expect(() => openStore(`${file}/region.sqlite`)).toThrow('cannot be opened; check that its directory exists')
    })
  })
})

describe('a queue', () => {
  test('tells its pump when the next message can be received', async () => {
    const { queues, advance, now, close } = openStore(':memory:')
    expect(queues.nextVisibleAt('inbox')).toBeUndefined()
    await queues.send('inbox', [{ body: 'late', delaySeconds: 60 }])
    expect(queues.nextVisibleAt('inbox')).toBe(now() + 60_000)
    await queues.send('inbox', [{ body: 'now' }])
    expect(queues.nextVisibleAt('inbox')).toBe(now())
    advance(10)
    await queues.receive('inbox', 1)
    expect(queues.nextVisibleAt('inbox')).toBe(now() + 30_000)
    await close()
  })

  test('is swept of what is past its retention, dead letters included', async () => {
    const { queues, advance, close } = openStore(':memory:')
    await queues.send('inbox', [{ body: 'a' }, { body: 'b' }])
    const [first] = await queues.receive('inbox', 1)
    await queues.deadLetter('inbox', first?.id ?? '', 'no')
    advance(3_600_000)
    expect(await queues.sweepExpired(100)).toBe(1)
    advance(14 * 86_400_000)
    expect(await queues.sweepExpired(100)).toBe(1)
    expect(queues.nextVisibleAt('inboxDlq')).toBeUndefined()
    await close()
  })
})

/** Runs crashWriter.ts on the file, kills it -9 after so many acknowledged calls; returns all that it acknowledged. */
async function acknowledgedUntilKilled(file: string, calls: number): Promise<readonly string[]> {
  const script = fileURLToPath(new URL('crashWriter.ts', import.meta.url))
  const { child, ended } = startGroup(process.execPath, [script, file], { env: process.env, cwd: process.cwd() })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.split('\n').length > calls) child.kill('SIGKILL')
  })
  expect(await ended).toBe('SIGKILL')
  return output.split('\n').slice(0, -1)
}

describe('after kill -9', () => {
  test.each([1, 60, 400])('%d acknowledged calls and more are all there, each whole', async (calls) => {
    await withFile(async (file) => {
      const acknowledged = await acknowledgedUntilKilled(file, calls)
      expect(acknowledged.length).toBeGreaterThanOrEqual(calls)
      const store = openStore(file)
      for (const name of acknowledged) {
        expect(await store.tables.get('Keys', name, 'row')).toBeDefined()
        expect(await store.tables.get('Audit', name, 'row')).toBeDefined()
      }
      const { items } = await store.tables.queryIndex('Keys', 'byTime', 'all', { limit: 1000 })
      for (const { pk } of items) expect(await store.tables.get('Audit', pk, 'row')).toBeDefined()
      const changed = (await store.changes()).map(({ pk }) => pk)
      expect(new Set(changed)).toEqual(new Set(items.map(({ pk }) => pk)))
      const before = await store.queues.counts('inbox')
      expect(before.inFlight).toBe(1)
      store.advance(30_000)
      const bodies = (await store.queues.receive('inbox', 10_000)).map(({ body }) => body)
      expect(new Set(bodies)).toEqual(new Set([...bodies, ...acknowledged]))
      expect(bodies).toHaveLength(before.visible + 1)
      await store.close()
    })
  })

  test('a writer that ends by itself exits cleanly', () => {
    const script = fileURLToPath(new URL('crashWriter.ts', import.meta.url))
    expect(
      execFileSync(process.execPath, [script, ':memory:', '10'], { encoding: 'utf8', ...inTime }).split('\n'),
    ).toHaveLength(11)
  })
})

test.each([
  ['a full disk on which SQLite cannot make the file that it maps', 4874, 0, /its disk is full; make room on it/],
  ['a disk that fails', 4874, 1e9, /its disk fails/],
  ['a full disk', 13, 0, /its disk is full/],
  ['what has a sentence of its own', 1, 0, /^undefined$/],
])('of %s an opening says so', (_, errcode, free, says) => {
  expect(String(openingRefusal(errcode, () => free))).toMatch(says)
})
