import { chainedTables } from '../../lib/kms/auditChain/chainedTables.ts'
import { endFormerWriters } from '../../local/region/formerWriters.ts'
import { AuditDirectory, itemsIn, log, region, someEvents, type Writer } from '../harness/chainedAudit.ts'
import { tablesWith } from '../../lib/tablesWith.ts'

let directory: AuditDirectory
beforeEach(() => {
  directory = new AuditDirectory()
})
afterEach(() => {
  directory.remove()
})

async function oneWriter(work: (writer: Writer) => Promise<void>, ends = true): Promise<void> {
  await directory.process(work, { ends })
}

describe('a change', () => {
  const refused = { kind: 'fields', fields: { never: 1 } } as const
  const other = { pk: 'k', sk: 'row' }

  test('that is refused, alone or beside others, leaves no gap', async () => {
    await oneWriter(async ({ tables, sink, event }) => {
      const write = (isRefused: boolean) =>
        tables.write([
          ...sink.writesOf(event()),
          ...(isRefused ? [{ op: 'check', table: 'Keys', ...other, condition: refused } as const] : []),
        ])
      await write(true)
      await write(false)
      const outcomes = await Promise.all([write(false), write(true), write(false), write(true), write(true)])
      expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true, false, false])
      await write(false)
    })
    expect(await directory.verify()).toMatchObject({ events: 4, closed: 1, findings: [] })
  })

  test('that is refused leaves no gap either where the process dies before the next head', async () => {
    await oneWriter(async ({ tables, sink, event }) => {
      const write = (isRefused: boolean) =>
        tables.write([
          ...sink.writesOf(event()),
          ...(isRefused ? [{ op: 'check', table: 'Keys', ...other, condition: refused } as const] : []),
        ])
      await Promise.all([write(false), write(true), write(false)])
      await write(false)
    }, false)
    expect(await directory.verify()).toMatchObject({ events: 3, closed: 0, unsigned: 3, findings: [] })
  })

  test('whose write fails, and is made again, is there once and leaves no gap', async () => {
    await oneWriter(async ({ sink, store, event, chain }) => {
      let fails = true
      const failing = chainedTables(
        tablesWith(store.tables, {
          write: async (...call) => {
            const outcome = await store.tables.write(...call)
            if (fails) throw new Error('The answer was lost.')
            return outcome
          },
        }),
        chain,
      )
      const writes = sink.writesOf(event())
      await expect(failing.write(writes)).rejects.toThrow()
      fails = false
      await failing.write(writes)
    })
    expect(await directory.verify()).toMatchObject({ events: 1, findings: [] })
  })
})

test('a process that ends after its last head says that it has ended', async () => {
  await oneWriter(async ({ tables, sink, event, chain }) => {
    await tables.write(sink.writesOf(event()))
    await chain.seal()
  })
  expect(await directory.verify()).toMatchObject({ heads: 2, closed: 1, findings: [] })
})

describe('a process that dies', () => {
  test('leaves what no head covers, chained: what is deleted within it is missed, what is cut off its end is not', async () => {
    await oneWriter(async ({ tables, sink, event, chain }) => {
      await tables.write(sink.writesOf(event()))
      await chain.seal()
      for (let count = 0; count < 4; count += 1) await tables.write(sink.writesOf(event()))
    }, false)
    expect(await directory.verify()).toMatchObject({ events: 5, closed: 0, unsigned: 4, findings: [] })
    const rows = itemsIn(directory.rows())
    const bySeq = [...rows].sort((a, b) => (a.item.chain?.seq ?? 0) - (b.item.chain?.seq ?? 0))
    const kinds = async (index: number) => {
      const found = await directory.check(rows.filter((row) => row !== bySeq[index]))
      return found.map(({ kind }) => kind)
    }
    for (const index of [0, 1, 2, 3]) expect([index, await kinds(index)]).toEqual([index, ['missing']])
    // The limit that docs/security.md states.
    expect(await kinds(4)).toEqual([])
  })
})

describe('the next process', () => {
  const dies = async (changes: readonly boolean[]) => {
    await oneWriter(async ({ tables, sink, event, chain }) => {
      const check = {
        op: 'check',
        table: 'Keys',
        pk: 'k',
        sk: 'row',
        condition: { kind: 'fields', fields: { never: 1 } },
      } as const
      await tables.write(sink.writesOf(event()))
      await chain.seal()
      await Promise.all(changes.map((isDone) => tables.write([...sink.writesOf(event()), ...(isDone ? [] : [check])])))
      await tables.write(sink.writesOf(event()))
    }, false)
  }
  const starts = () =>
    oneWriter(async ({ chain, store, tables, sink, event }) => {
      await tables.write(sink.writesOf(event()))
      await endFormerWriters({ region, hsm: () => directory.hsm, clock: () => directory.now, log }, store, chain.writer)
    })

  test('signs the end of one that died, so that nothing can be cut off any more', async () => {
    await dies([true, false, true])
    expect(await directory.verify()).toMatchObject({ unsigned: 3, closed: 0, findings: [] })
    await starts()
    expect(await directory.verify()).toMatchObject({ events: 5, unsigned: 0, writers: 2, closed: 2, findings: [] })
    const rows = itemsIn(directory.rows())
    for (const row of rows)
      expect((await directory.check(rows.filter((other) => other !== row))).map(({ kind }) => kind)).toEqual([
        'missing',
      ])
    // Once is enough.
    await starts()
    expect(await directory.verify()).toMatchObject({ events: 6, writers: 3, closed: 3, findings: [] })
  })

  test.each([
    [
      'altered',
      `UPDATE item SET body = replace(body, '"Encrypt"', '"Encrypx"') WHERE json_extract(body, '$.chain.seq') = 2`,
    ],
    ['deleted', `DELETE FROM item WHERE json_extract(body, '$.chain.seq') = 2`],
  ])('signs nothing of which an event was %s', async (kind, sql) => {
    await dies([true, true])
    directory.tamper((database) => {
      database.exec(sql)
    })
    await starts()
    const { unsigned, findings } = await directory.verify()
    expect(unsigned).toBeGreaterThan(0)
    expect(findings.map((finding) => finding.kind)).toEqual([kind === 'deleted' ? 'missing' : kind])
  })
})

describe('events that have expired', () => {
  const day = 86_400_000

  test('leave their heads, by which the rest still verifies, until the last is gone', async () => {
    await oneWriter(async ({ sink, tables, store, event, chain }) => {
      sink.keepFor(() => 90)
      await tables.write(sink.writesOf(event()))
      await chain.seal()
      directory.now += 40 * day
      await tables.write(sink.writesOf(event()))
      await tables.write(sink.writesOf(event()))
      await chain.seal()
      directory.now += 40 * day
      await tables.write(sink.writesOf(event()))
      await chain.close()
      directory.now += 20 * day
      await store.tables.sweepExpired(100)
    })
    expect(await directory.verify()).toMatchObject({ events: 3, heads: 2, closed: 1, findings: [] })
    directory.now += 31 * day
    expect(await directory.verify()).toMatchObject({ events: 1, findings: [] })
    directory.now += 90 * day
    expect(await directory.verify()).toMatchObject({ events: 0, heads: 0, findings: [] })
  })

  test('excuse none that should still be there', async () => {
    await oneWriter(async ({ sink, tables, event }) => {
      sink.keepFor(() => 90)
      await tables.write(sink.writesOf(event()))
      sink.keepFor(() => 365)
      await tables.write(sink.writesOf(event()))
    })
    directory.tamper((database) => {
      database.exec("DELETE FROM item WHERE pk LIKE '%#2026-05-05T%'")
    })
    directory.now += 100 * day
    const { findings, expired } = await directory.verify()
    expect(expired).toBe(1)
    expect(findings).toMatchObject([{ kind: 'missing', says: expect.stringMatching(/^Place 2 of writer/) as unknown }])
  })
})

describe('heads', () => {
  test.each([
    ['deleted', 'DELETE FROM item WHERE pk = ? AND sk = ?'],
    ['altered', `UPDATE item SET body = replace(body, '"signedAt":', '"signedAt":1') WHERE pk = ? AND sk = ?`],
    [
      'given other places',
      `UPDATE item SET body = replace(body, '"absent":[]', '"absent":[[1,1]]') WHERE pk = ? AND sk = ?`,
    ],
    ['made nothing', `UPDATE item SET body = '{"head":null}' WHERE pk = ? AND sk = ?`],
    ['given no places', `UPDATE item SET body = json_remove(body, '$.places') WHERE pk = ? AND sk = ?`],
  ])('that are %s are named', async (what, sql) => {
    await someEvents(directory)
    const heads = directory.rows().filter(({ pk }) => pk.startsWith('auditHead#'))
    expect(heads).toHaveLength(6)
    for (const { pk, sk, body } of heads) {
      // Of a last one that is deleted only another region knows (test/replication/auditHeads.test.ts).
      if (/deleted|nothing|no places/.test(what) && sk.endsWith('2')) continue
      directory.tamper((database) => {
        database.prepare(sql).run(pk, sk)
      })
      expect((await directory.findings()).map(({ kind }) => kind)).toContain('head')
      directory.tamper((database) => {
        database.prepare("INSERT OR REPLACE INTO item (tbl, pk, sk, body) VALUES ('Audit', ?, ?, ?)").run(pk, sk, body)
      })
    }
    expect(await directory.findings()).toEqual([])
  })
})
