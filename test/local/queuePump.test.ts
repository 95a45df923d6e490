import type { SQSEvent } from 'aws-lambda'
import { QueuePump, type QueuePumpOptions } from '../../local/pumps/queuePump.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { until } from '../harness/until.ts'
import { bodies, messagesIn, withStore } from './pumpHarness.ts'

/** Runs a pump whose function takes each body; what `work` rejects with fails that message alone. */
async function withPump(
  store: SqliteRegionStore,
  work: (body: string) => Promise<void>,
  body: (pump: QueuePump, errors: readonly unknown[]) => Promise<void>,
  options: Partial<QueuePumpOptions> = {},
): Promise<void> {
  const errors: unknown[] = []
  const consume = async ({ Records }: SQSEvent) => {
    const failed = await Promise.all(
      Records.map(({ messageId, body: text }) =>
        work(text).then(
          () => [],
          () => [{ itemIdentifier: messageId }],
        ),
      ),
    )
    return { batchItemFailures: failed.flat() }
  }
  const pump = new QueuePump(store.queues, {
    name: 'inbox',
    consume,
    onError: (cause) => errors.push(cause),
    ...options,
  })
  try {
    await body(pump, errors)
  } finally {
    await pump.stop()
  }
}

const messages = (count: number) => Array.from({ length: count }, (_, index) => ({ body: `message ${index}` }))

test('every message reaches the function once and is gone', () =>
  withStore(async (store) => {
    const taken: string[] = []
    const take = async (body: string) => {
      taken.push(body)
    }
    await withPump(store, take, async () => {
      await store.queues.send('inbox', messages(45))
      await until(async () => (await messagesIn(store, 'inbox')) === 0)
    })
    expect(taken.toSorted()).toEqual(
      messages(45)
        .map(({ body }) => body)
        .toSorted(),
    )
  }))

test('what was sent before the pump started is delivered too', () =>
  withStore(async (store) => {
    await store.queues.send('inbox', messages(3))
    await withPump(
      store,
      async () => undefined,
      () => until(async () => (await messagesIn(store, 'inbox')) === 0),
    )
  }))

test('a message wakes the pump that sleeps: it has no timer while there is none', () =>
  withStore((store) =>
    withPump(
      store,
      async () => undefined,
      async (pump) => {
        await until(() => pump.isIdle)
        await store.queues.send('inbox', messages(1))
        await until(async () => (await messagesIn(store, 'inbox')) === 0)
      },
    ),
  ))

test('a message that fails comes again, the others of its batch do not', () =>
  withStore(async (store) => {
    const tries = new Map<string, number>()
    const work = async (body: string) => {
      tries.set(body, (tries.get(body) ?? 0) + 1)
      if (body === 'message 1' && tries.get(body) !== 3) throw new Error('not yet')
    }
    await withPump(store, work, async () => {
      await store.queues.send('inbox', messages(3))
      await until(async () => (await messagesIn(store, 'inbox')) === 0)
    })
    expect(Object.fromEntries(tries)).toEqual({ 'message 0': 1, 'message 1': 3, 'message 2': 1 })
  }))

test('a message that always fails becomes a dead letter and blocks no other', () =>
  withStore(async (store) => {
    const taken: string[] = []
    const work = async (body: string) => {
      if (body === 'poison') throw new Error('poison')
      taken.push(body)
    }
    await withPump(
      store,
      work,
      async () => {
        await store.queues.send('inbox', [{ body: 'poison' }, ...messages(25)])
        await until(() => taken.length === 25)
        await until(async () => (await bodies(store, 'inbox')).length === 1)
      },
      { maxReceives: 3 },
    )
    expect(await store.queues.deadLetters('inbox', 10)).toEqual([
      expect.objectContaining({ body: 'poison', reason: 'failed 3 times' }),
    ])
  }))

test('a function that throws fails its whole batch, and the pump goes on', () =>
  withStore(async (store) => {
    let calls = 0
    const taken: string[] = []
    const consume = async ({ Records }: SQSEvent) => {
      calls += 1
      if (calls === 1) throw new Error('a bug')
      // Both failed, and each comes again by itself: in one batch or in two.
      taken.push(...Records.map(({ body }) => body))
      return { batchItemFailures: [] }
    }
    await withPump(
      store,
      async () => undefined,
      async (_, errors) => {
        await store.queues.send('inbox', messages(2))
        await until(async () => (await messagesIn(store, 'inbox')) === 0)
        expect(errors).toEqual([expect.objectContaining({ message: 'a bug' })])
      },
      { consume },
    )
    expect(taken.toSorted()).toEqual(messages(2).map(({ body }) => body))
  }))

test('several batches are worked on at a time, but not more than four', () =>
  withStore(async (store) => {
    let running = 0
    let most = 0
    let letGo: () => void = () => undefined
    const areFour = new Promise<void>((resolve) => (letGo = resolve))
    const consume = async () => {
      running += 1
      most = Math.max(most, running)
      // Nobody ends before four have begun; a fifth has a moment to begin too.
      if (running === 4) setTimeout(letGo, 20)
      await areFour
      running -= 1
      return { batchItemFailures: [] }
    }
    await withPump(
      store,
      async () => undefined,
      async () => {
        await store.queues.send('inbox', messages(100))
        await until(async () => (await messagesIn(store, 'inbox')) === 0)
      },
      { consume },
    )
    expect(most).toBe(4)
  }))

test('retryNow spares a failed message the rest of its waiting time', () => {
  // On a clock that stands still no waiting time ever ends.
  const clock = () => 1_000_000
  return withStore(async (store) => {
    let isUp = false
    let failures = 0
    const work = async () => {
      if (isUp) return
      failures += 1
      throw new Error('down')
    }
    await withPump(
      store,
      work,
      async (pump) => {
        await store.queues.send('inbox', messages(1))
        await until(() => failures === 1 && pump.isIdle)
        isUp = true
        await pump.retryNow()
        await until(async () => (await messagesIn(store, 'inbox')) === 0)
      },
      { clock },
    )
    expect(failures).toBe(1)
  }, clock)
})

test('stopping waits for the batch that is worked on, and takes no further one', () =>
  withStore(async (store) => {
    const taken: string[] = []
    let hasBegun = false
    const work = async (body: string) => {
      hasBegun = true
      await new Promise((resolve) => setTimeout(resolve, 50))
      taken.push(body)
    }
    await withPump(store, work, async (pump) => {
      await store.queues.send('inbox', messages(1))
      await until(() => hasBegun)
      await pump.stop()
      expect(taken).toEqual(['message 0'])
      await store.queues.send('inbox', messages(1))
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(await messagesIn(store, 'inbox')).toBe(1)
    })
  }))
