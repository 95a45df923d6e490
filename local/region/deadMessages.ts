import type { DeadMessages } from '../../lib/http/httpPorts.ts'
import type { QueueName } from '../../lib/ports.ts'
import { tenancyOfMessage } from '../../lib/replication/tenancyOfWork.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

export const messageQueues = ['inbox', 'outcome', 'outbox'] as const satisfies readonly QueueName[]

/** The dead letters of a region's queues, as a tenancy's administrator may have them worked again. */
export function deadMessages({ tables, queues }: Pick<SqliteRegionStore, 'tables' | 'queues'>): DeadMessages {
  return {
    redrive: async (tenancyId, limit) => {
      let redriven = 0
      for (const name of messageQueues) {
        const own: string[] = []
        for (const { id, body } of await queues.deadLetters(name, limit))
          if ((await tenancyOfMessage(tables, body)) === tenancyId) own.push(id)
        redriven += await queues.redrive(name, own)
      }
      return redriven
    },
  }
}
