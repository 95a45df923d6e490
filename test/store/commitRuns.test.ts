import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { missingChanges } from '../../lib/replication/takeBack/missingChanges.ts'
import type { CommitMark } from '../../lib/commitMark.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { withDirectory } from '../local/startedService.ts'

/** Two copies of one file that both go on: which of them a peer has heard. */

let ids = 0

/** Opens the file, makes some changes, and closes it. Resolves with what a message at the end tells. */
async function runOf(file: string, changes: number, known: CommitMark = { mark: 0 }, isAnew = false) {
  const { tables, runs, close } = openSqliteRegionStore({ file, clock: () => 0, newId: () => String((ids += 1)) })
  try {
    runs.begin(tables.commitMark())
    const missing = missingChanges({ has: tables.commitMark(), runOf: (mark) => runs.of(mark) }, known)
    if (isAnew) runs.beginAnew(tables.commitMark())
    for (let made = 0; made < changes; made += 1)
      await tables.write([{ op: 'put', table: 'Keys', item: { pk: 'k', sk: `${ids} ${made}` } }])
    const mark = tables.commitMark()
    const run = runs.of(mark)
    return { told: run === undefined ? { mark } : { mark, run: run.id }, missing }
  } finally {
    close()
  }
}

/** A file of five changes whose copy lacks the three that came since. */
async function forked(body: (copy: string, since: CommitMark, before: CommitMark) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const [file, copy] = [join(directory, 'file.db'), join(directory, 'copy.db')]
    const before = await runOf(file, 2)
    cpSync(file, copy)
    const since = await runOf(file, 3, before.told)
    expect(since).toMatchObject({ told: { mark: 5 }, missing: undefined })
    await body(copy, since.told, before.told)
  })
}

test.each([0, 1, 2, 3, 10])(
  'a copy that has made %i changes of its own is told from the file that it is a copy of',
  (own) =>
    forked(async (copy, since) => {
      await runOf(copy, own)
      const { missing } = await runOf(copy, 0, since)
      expect(missing).toEqual(own < 3 ? { has: 2 + own, knows: 5 } : { has: 2, knows: 5 })
    }),
)

test('a copy is told from its file also where the last opening before it had made no change', () =>
  withDirectory(async (directory) => {
    const [file, copy] = [join(directory, 'file.db'), join(directory, 'copy.db')]
    for (const changes of [2, 0]) await runOf(file, changes)
    cpSync(file, copy)
    const { told } = await runOf(file, 3)
    await runOf(copy, 3)
    expect((await runOf(copy, 0, told)).missing).toEqual({ has: 2, knows: 5 })
  }))

test('a copy is the file itself for a peer that has heard of nothing since, and however often it is opened', () =>
  forked(async (copy, _, before) => {
    await runOf(copy, 0, before)
    await runOf(copy, 4)
    expect(await runOf(copy, 0, before)).toMatchObject({ missing: undefined })
  }))

test('a peer that tells only how many it knows of is believed by that', () =>
  forked(async (copy, { mark }) => {
    expect(await runOf(copy, 3, { mark })).toMatchObject({ missing: { has: 2, knows: 5 } })
    expect(await runOf(copy, 0, { mark })).toMatchObject({ missing: undefined })
  }))

test('a copy that has taken back what it lacked is no older one any more, and a copy of that one is', () =>
  forked(async (copy, since) => {
    await runOf(copy, 3)
    const recovered = await runOf(copy, 1, since, true)
    expect(recovered.missing).toEqual({ has: 2, knows: 5 })
    expect((await runOf(copy, 0, since)).missing).toBeUndefined()
    expect((await runOf(copy, 0, recovered.told)).missing).toBeUndefined()
    expect((await runOf(copy, 0, { ...recovered.told, run: 'another' })).missing).toEqual({ has: 5, knows: 6 })
  }))
