import type { StatementSync } from 'node:sqlite'
import type { TouchedItem } from '../../lib/store/sqlite/sqliteTables.ts'
import { GroupCommit } from '../../lib/store/sqlite/groupCommit.ts'
import { SqliteDatabase } from '../../lib/store/sqlite/sqliteDatabase.ts'
import { fillDisk } from '../harness/fullDisk.ts'
import { openStore } from './sqliteHarness.ts'
import { anItem, refused, written } from './tableHarness.ts'

/** A schedule that the test runs by hand. */
function byHand(): { schedule: (flush: () => void) => void; turns: (() => void)[] } {
  const turns: (() => void)[] = []
  return { schedule: (flush) => turns.push(flush), turns }
}

/** Whose commits fail with one of SQLite's codes. */
class FailingDisk extends SqliteDatabase {
  readonly #errcode: number

  constructor(errcode: number) {
    super(':memory:')
    this.#errcode = errcode
  }

  override prepare(sql: string): StatementSync {
    const statement = super.prepare(sql)
    if (sql !== 'COMMIT') return statement
    return {
      run: () => {
        throw Object.assign(new Error('told by SQLite'), { errcode: this.#errcode })
      },
    } as unknown as StatementSync
  }
}

function openCounting(database = new SqliteDatabase(':memory:')): {
  database: SqliteDatabase
  commit: GroupCommit
  add: (n: number | string) => Promise<unknown>
  stored: () => unknown[]
} {
  database.exec('CREATE TABLE number (n INTEGER NOT NULL PRIMARY KEY) STRICT')
  const insert = database.prepare('INSERT INTO number (n) VALUES (?)')
  const list = database.prepare('SELECT n FROM number ORDER BY n')
  const commit = new GroupCommit(database)
  return { database, commit, add: (n) => commit.run(() => insert.run(n)), stored: () => list.all().map(({ n }) => n) }
}

describe('a group commit', () => {
  test('takes all calls of a turn into one commit, and shows none of them before it', async () => {
    const { schedule, turns } = byHand()
    const { tables, queues, close } = openStore(':memory:', { schedule })
    const writes = ['a', 'b', 'c'].map((pk) => tables.write([{ op: 'put', table: 'Keys', item: anItem(pk) }]))
    const sent = queues.send('inbox', [{ body: 'd' }])
    expect(await tables.get('Keys', 'a', 'row')).toBeUndefined()
    expect(await queues.counts('inbox')).toMatchObject({ visible: 0 })
    expect(turns).toHaveLength(1)
    turns[0]?.()
    expect(await Promise.all(writes)).toEqual([written, written, written])
    await sent
    expect(await tables.get('Keys', 'c', 'row')).toEqual(anItem('c'))
    await close()
  })

  test('lets a call see those before it in its batch', async () => {
    const { tables, close } = openStore(':memory:')
    const create = () => tables.write([{ op: 'put', table: 'Keys', item: anItem('p'), condition: { kind: 'absent' } }])
    expect(await Promise.all([create(), create(), create()])).toEqual([written, refused(0), refused(0)])
    await close()
  })

  test('undoes a call that throws and commits the others of its batch', async () => {
    const { add, stored, database } = openCounting()
    const outcomes = await Promise.allSettled([add(1), add('none'), add(2), add(1)])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
    expect(stored()).toEqual([1, 2])
    database.close()
  })

  test('undoes what a call did before it threw', async () => {
    const { commit, stored, database } = openCounting()
    const half = (n: number) =>
      commit.run(() => {
        database.exec(`INSERT INTO number (n) VALUES (${n})`)
        throw new Error('half way')
      })
    await expect(half(1)).rejects.toThrow('half way')
    expect((await Promise.allSettled([half(2), half(3)])).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(stored()).toEqual([])
    database.close()
  })

  test('rejects every call of its batch where the commit itself fails, and goes on with the next', async () => {
    const { add, commit, stored, database } = openCounting()
    database.exec(`PRAGMA foreign_keys = ON;
      CREATE TABLE child (n INTEGER REFERENCES number (n) DEFERRABLE INITIALLY DEFERRED) STRICT`)
    const orphan = commit.run(() => {
      database.exec('INSERT INTO child (n) VALUES (99)')
    })
    const outcomes = await Promise.allSettled([add(1), orphan, add(2)])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(stored()).toEqual([])
    await add(3)
    expect(stored()).toEqual([3])
    database.close()
  })

  test('says of a full disk what to do, undoes the whole call, and goes on once there is room', async () => {
    const { database, tables, isRefused, close } = openStore(':memory:')
    const makeRoom = fillDisk(database)
    const write = (pk: string) => tables.write([{ op: 'put', table: 'Keys', item: anItem(pk) }])
    const full = { code: 'cannotStore', retryAfter: 1, message: expect.stringContaining('disk is full') as string }
    await expect(write('alone')).rejects.toMatchObject(full)
    for (const outcome of await Promise.allSettled([write('a'), write('b')]))
      expect(outcome).toMatchObject({ status: 'rejected', reason: full })
    expect(isRefused()).toBe(true)
    expect(await tables.get('Keys', 'alone', 'row')).toBeUndefined()
    makeRoom()
    // What writes nothing says nothing about the disk.
    await tables.sweepExpired(10)
    expect(isRefused()).toBe(true)
    expect(await write('a')).toEqual(written)
    expect(isRefused()).toBe(false)
    await close()
  })

  test.each([
    ['has no room for', 13, 'disk is full'],
    ['fails to write', 778, 'takes no writes'],
    ['fails to sync', 1034, 'takes no writes'],
  ])('refuses every call of a batch whose commit the disk %s', async (_, errcode, message) => {
    const { add, commit, stored, database } = openCounting(new FailingDisk(errcode))
    for (const outcome of await Promise.allSettled([add(1), add(2)])) {
      const reason = { code: 'cannotStore', message: expect.stringContaining(message) as string }
      expect(outcome).toMatchObject({ status: 'rejected', reason })
    }
    expect(commit.isRefused).toBe(true)
    expect(stored()).toEqual([])
    database.close()
  })

  test('synchronises every batch that holds a durable call, and no other', async () => {
    const { commit, database } = openCounting()
    const pragma = database.prepare('PRAGMA synchronous')
    const synchronous = (durable?: boolean) =>
      commit.run(() => pragma.get()?.['synchronous'], durable === undefined ? {} : { durable })
    const [normal, full] = [1, 2]
    expect(await synchronous()).toBe(full)
    expect(await Promise.all([synchronous(false), synchronous(false)])).toEqual([normal, normal])
    expect(await Promise.all([synchronous(false), synchronous(true)])).toEqual([full, full])
    database.close()
  })

  test('splits a crowd into batches without losing any', async () => {
    const { add, stored, database } = openCounting()
    await Promise.all(Array.from({ length: 1000 }, (_, n) => add(n)))
    expect(stored()).toHaveLength(1000)
    database.close()
  })

  test('commits what waits when the store is closed, and refuses what comes later', async () => {
    const { tables, close } = openStore(':memory:')
    const waiting = tables.write([{ op: 'put', table: 'Keys', item: anItem('p') }])
    await close()
    expect(await waiting).toEqual(written)
    await expect(tables.write([{ op: 'put', table: 'Keys', item: anItem('p') }])).rejects.toThrow(
      'The region store is closed.',
    )
  })
})

describe('listeners', () => {
  test('hear of what was put and deleted after the commit and before the writer does', async () => {
    const { tables, close } = openStore(':memory:')
    const heard: (TouchedItem | string)[] = []
    const stop = tables.onCommit((touched) => heard.push(...touched))
    await tables
      .write([
        { op: 'put', table: 'Audit', item: anItem('p') },
        { op: 'delete', table: 'Keys', pk: 'q', sk: 'row' },
        { op: 'check', table: 'Keys', pk: 'r', sk: 'row', condition: { kind: 'absent' } },
      ])
      .then(() => heard.push('acknowledged'))
    stop()
    await tables.write([{ op: 'put', table: 'Audit', item: anItem('p') }])
    expect(heard).toEqual([
      { table: 'Audit', pk: 'p', sk: 'row' },
      { table: 'Keys', pk: 'q', sk: 'row' },
      'acknowledged',
    ])
    await close()
  })

  test('hear nothing of refused writes', async () => {
    const { tables, close } = openStore(':memory:')
    const heard: TouchedItem[] = []
    tables.onCommit((touched) => heard.push(...touched))
    await tables.write([{ op: 'put', table: 'Keys', item: anItem('p'), condition: { kind: 'revision', revision: 1 } }])
    expect(heard).toEqual([])
    await close()
  })

  test('hear in which queue a message may have come into sight', async () => {
    const { queues, close } = openStore(':memory:')
    const heard: string[] = []
    queues.onSend((name) => heard.push(name))
    await queues.send('inbox', [{ body: 'a' }])
    const [message] = await queues.receive('inbox', 1)
    await queues.changeVisibility('inbox', message?.id ?? '', 0)
    await queues.deadLetter('inbox', message?.id ?? '', 'no')
    await queues.redrive('inbox', [message?.id ?? ''])
    expect(heard).toEqual(['inbox', 'inbox', 'inboxDlq', 'inbox'])
    await close()
  })
})
