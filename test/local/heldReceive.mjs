import { DatabaseSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'

/** Loaded into each process of a service: what a region's pumps receive comes when they are stopped, or when its store is closed under them. */
if (isMainThread && process.argv[1]?.includes('regionMain')) {
  const { QueuePump } = await import('../../local/pumps/queuePump.ts')
  const { SqliteQueues } = await import('../../lib/store/sqlite/sqliteQueues.ts')
  const over = Promise.withResolvers()
  const { receive } = SqliteQueues.prototype
  SqliteQueues.prototype.receive = async function (...args) {
    const received = await receive.apply(this, args)
    await over.promise
    return received
  }
  for (const [owner, name] of [
    [QueuePump.prototype, 'stop'],
    [DatabaseSync.prototype, 'close'],
  ]) {
    const own = owner[name]
    owner[name] = function (...args) {
      const ended = own.apply(this, args)
      over.resolve()
      return ended
    }
  }
}
