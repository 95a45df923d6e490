import { randomUUID } from 'node:crypto'
import type { Clock, QueueName } from '../../lib/ports.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

export async function withStore(
  body: (store: SqliteRegionStore) => Promise<void>,
  clock: Clock = Date.now,
): Promise<void> {
  const store = openSqliteRegionStore({ file: ':memory:', clock, newId: randomUUID })
  try {
    await body(store)
  } finally {
    store.close()
  }
}

/** Messages that are there, whatever their state. */
export async function messagesIn({ queues }: SqliteRegionStore, name: QueueName): Promise<number> {
  const { visible, inFlight, delayed } = await queues.counts(name)
  return visible + inFlight + delayed
}

export async function bodies(store: SqliteRegionStore, name: QueueName): Promise<readonly string[]> {
  return (await store.queues.deadLetters(name, 100)).map(({ body }) => body)
}
