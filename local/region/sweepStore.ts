import type { Logger } from '../../lib/ports.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

const sweepMs = 60_000
const mostAtOnce = 500

/** Removes each minute what has expired, which a table of AWS does by itself. Ends by what it answers. */
export function sweepStore({ tables, queues }: Pick<SqliteRegionStore, 'tables' | 'queues'>, log: Logger): () => void {
  const sweeper = setInterval(() => {
    void Promise.all([tables.sweepExpired(mostAtOnce), queues.sweepExpired(mostAtOnce)]).catch((cause: unknown) => {
      log.error('A sweep failed.', cause)
    })
  }, sweepMs).unref()
  return () => {
    clearInterval(sweeper)
  }
}
