import { randomUUID } from 'node:crypto'
import type { QueueName } from '../../lib/ports.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

export async function withStore(body: (store: SqliteRegionStore) => Promise<void>): Promise<void> {
  const store = openSqliteRegionStore({ file: ':memory:', clock: Date.now, newId: randomUUID })
  try {
    await body(store)
  } finally {
    store.close()
  }
}

/** @throws where the condition does not come true within 5 s. */
export async function eventually(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    if (await isTrue()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('It did not come true within 5 s.')
}

/** Messages that are there, whatever their state. */
export async function messagesIn({ queues }: SqliteRegionStore, name: QueueName): Promise<number> {
  const { visible, inFlight, delayed } = await queues.counts(name)
  return visible + inFlight + delayed
}

export async function bodies(store: SqliteRegionStore, name: QueueName): Promise<readonly string[]> {
  return (await store.queues.deadLetters(name, 100)).map(({ body }) => body)
}
