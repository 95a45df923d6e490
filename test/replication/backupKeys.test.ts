import { noBackupKeys, storedBackupKeys } from '../../lib/kms/backup/backupKeys.ts'
import type { Tables } from '../../lib/ports.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { wantBackupKeys } from '../../lib/replication/tenancy/replicateBackupKeys.ts'
import type { QueueMessage } from '../../lib/ports.ts'
import { twoRegions } from '../harness/twoRegions.ts'

test('an answer to an offer that another has followed is no error, and the present offer is answered all the same', async () => {
  const cloud = await twoRegions()
  try {
    const { a, b, tenancyId } = cloud
    const sent: string[] = []
    const queues = {
      send: async (_: unknown, list: readonly QueueMessage[]) => void sent.push(...list.map(({ body }) => body)),
    }
    const answer = async (offer: string | undefined) => {
      sent.length = 0
      expect(await workInbox({ ...a.runtime, queues }, [offer ?? ''])).toEqual([{ outcome: 'done' }])
      return sent[0] ?? ''
    }
    const asked = async (tables: Tables) => {
      sent.length = 0
      await wantBackupKeys({ ...b.runtime, tables, queues }, tenancyId)
      return sent[0]
    }
    const first = await answer(await asked(b.runtime.tables))
    const copy = await answer(await asked(b.runtime.tables))
    expect(await workInbox(b.runtime, [first])).toEqual([{ outcome: 'done' }])
    expect(await storedBackupKeys(b.runtime, tenancyId)).toBeDefined()
    // Whoever looked just before that saw none: what it would offer is not wanted any more, and it asks nobody.
    let looks = 0
    const late: Tables = {
      ...b.runtime.tables,
      get: (table, pk, sk) => {
        const isFirst = table === 'Vaults' && (looks += 1) === 1
        return isFirst ? Promise.resolve(undefined) : b.runtime.tables.get(table, pk, sk)
      },
      write: (writes, id) => b.runtime.tables.write(writes, id),
    }
    expect(await asked(late)).toBeUndefined()
    expect(looks).toBeGreaterThan(1)
    // Keys that were lost are asked for anew, and an old answer comes again before the new one.
    const row = noBackupKeys(tenancyId)
    if (row.op !== 'check') throw new Error('It checks a row.')
    await b.runtime.tables.write([{ op: 'delete', table: row.table, pk: row.pk, sk: row.sk }])
    const again = await answer(await asked(b.runtime.tables))
    expect(await workInbox(b.runtime, [copy])).toEqual([{ outcome: 'done' }])
    expect(await storedBackupKeys(b.runtime, tenancyId)).toBeUndefined()
    expect(await workInbox(b.runtime, [again])).toEqual([{ outcome: 'done' }])
    expect(await storedBackupKeys(b.runtime, tenancyId)).toBeDefined()
  } finally {
    cloud.close()
  }
})
