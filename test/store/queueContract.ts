import type { RegionQueues, Received } from '../../lib/store/regionQueues.ts'

/** Queues with `inbox` at visibility 30 s, 3 receives and 1 h of retention, its dead letters and `outbox` at 14 days, no limit of receives. */
export interface QueueHarness {
  readonly queues: RegionQueues
  readonly advance: (ms: number) => void
  readonly now: () => number
  readonly close: () => Promise<void>
}

export type OpenQueues = () => Promise<QueueHarness>

const hour = 3_600_000

/** Every clause of lib/store/regionQueues.ts, for any adapter. */
export function queueContract(name: string, open: OpenQueues): void {
  const queues = (title: string, body: (harness: QueueHarness) => Promise<void>): void => {
    test(title, async () => {
      const harness = await open()
      try {
        await body(harness)
      } finally {
        await harness.close()
      }
    })
  }

  describe(`queues on ${name}`, () => {
    describe('delivery', () => {
      delivery(queues)
    })
    describe('dead letters', () => {
      deadLetters(queues)
    })
  })
}

type Define = (title: string, body: (harness: QueueHarness) => Promise<void>) => void

const bodies = (messages: readonly { readonly body: string }[]): readonly string[] =>
  messages.map(({ body }) => body).sort()

async function receiveOne(
  { queues }: QueueHarness,
  name: 'inbox' | 'outbox' = 'inbox',
  visibilityMs?: number,
): Promise<Received> {
  const [message] = await queues.receive(name, 1, visibilityMs)
  if (message === undefined) throw new Error(`${name} has no visible message`)
  return message
}

function delivery(queues: Define): void {
  queues('a message is received with its body, its count and the time of its sending', async (harness) => {
    const body = '{"text":"é \u{1f511} \u0000"}'
    const sentAt = harness.now()
    await harness.queues.send('inbox', [{ body }])
    harness.advance(100)
    const message = await receiveOne(harness)
    expect(message).toEqual({ id: message.id, body, receiveCount: 1, firstSentAt: sentAt })
  })

  queues('messages are delivered once each, never more than asked for, from their own queue only', async (harness) => {
    await harness.queues.send(
      'inbox',
      ['1', '2', '3', '4', '5'].map((body) => ({ body })),
    )
    await harness.queues.send('outbox', [{ body: 'other' }])
    const first = await harness.queues.receive('inbox', 3)
    const second = await harness.queues.receive('inbox', 10)
    expect(first.length).toBeLessThanOrEqual(3)
    expect(bodies([...first, ...second])).toEqual(['1', '2', '3', '4', '5'])
    expect(await harness.queues.receive('inbox', 10)).toEqual([])
  })

  queues('an empty queue delivers nothing', async (harness) => {
    expect(await harness.queues.receive('inbox', 10)).toEqual([])
  })

  queues('of concurrent receivers each message reaches one', async (harness) => {
    await harness.queues.send(
      'inbox',
      Array.from({ length: 20 }, (_, n) => ({ body: String(n) })),
    )
    const batches = await Promise.all(Array.from({ length: 10 }, () => harness.queues.receive('inbox', 4)))
    const ids = batches.flat().map(({ id }) => id)
    expect(new Set(ids).size).toBe(20)
    expect(ids).toHaveLength(20)
  })

  queues('a message that is not deleted comes back after the visibility time-out, counted', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }])
    await receiveOne(harness)
    harness.advance(29_000)
    expect(await harness.queues.receive('inbox', 10)).toEqual([])
    harness.advance(1000)
    expect(await receiveOne(harness)).toMatchObject({ body: 'a', receiveCount: 2 })
  })

  queues('a receiver may choose the visibility time-out', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }])
    await receiveOne(harness, 'inbox', 5000)
    harness.advance(5000)
    expect(await receiveOne(harness)).toMatchObject({ receiveCount: 2 })
  })

  queues('a deleted message does not come back', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }, { body: 'b' }])
    const messages = await harness.queues.receive('inbox', 10)
    const gone = messages.filter(({ body }) => body === 'a').map(({ id }) => id)
    await harness.queues.delete('inbox', [...gone, ...gone])
    harness.advance(hour / 2)
    expect(bodies(await harness.queues.receive('inbox', 10))).toEqual(['b'])
  })

  queues('a delayed message is received after its delay, whose end cannot be hastened', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a', delaySeconds: 10 }])
    harness.advance(9999)
    expect(await harness.queues.receive('inbox', 10)).toEqual([])
    harness.advance(1)
    expect(await receiveOne(harness)).toMatchObject({ body: 'a', receiveCount: 1 })
  })

  queues('changing the visibility extends the time of a receiver, or ends it', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }])
    const { id } = await receiveOne(harness)
    harness.advance(20_000)
    await harness.queues.changeVisibility('inbox', id, 30_000)
    harness.advance(29_000)
    expect(await harness.queues.receive('inbox', 10)).toEqual([])
    await harness.queues.changeVisibility('inbox', id, 0)
    expect(await receiveOne(harness)).toMatchObject({ receiveCount: 2 })
  })

  queues('counts tell the visible, the received and the delayed apart', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }, { body: 'b' }, { body: 'c' }, { body: 'd', delaySeconds: 60 }])
    await receiveOne(harness)
    expect(await harness.queues.counts('inbox')).toEqual({ visible: 2, inFlight: 1, delayed: 1 })
    harness.advance(60_000)
    expect(await harness.queues.counts('inbox')).toEqual({ visible: 4, inFlight: 0, delayed: 0 })
    expect(await harness.queues.counts('outbox')).toEqual({ visible: 0, inFlight: 0, delayed: 0 })
  })

  queues('a message past its retention is neither counted nor delivered', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'old' }])
    harness.advance(hour - 1)
    await harness.queues.send('inbox', [{ body: 'young' }])
    harness.advance(1)
    expect(await harness.queues.counts('inbox')).toMatchObject({ visible: 1 })
    expect(bodies(await harness.queues.receive('inbox', 1))).toEqual(['young'])
  })

  queues(
    'a body of 256,000 bytes passes; what breaks a limit is refused with all that was sent with it',
    async (harness) => {
      const fits = { body: 'é'.repeat(128_000) }
      const broken = [
        { body: `${fits.body}x` },
        { body: '\ud83d' },
        { body: 'a', delaySeconds: 901 },
        { body: 'a', delaySeconds: -1 },
      ]
      for (const message of broken) {
        await expect(harness.queues.send('inbox', [{ body: 'a' }, message])).rejects.toThrow(RangeError)
      }
      await harness.queues.send('inbox', [fits])
      expect(bodies(await harness.queues.receive('inbox', 10))).toEqual([fits.body])
    },
  )
}

function deadLetters(queues: Define): void {
  queues('a message received too often is set aside, and others are delivered', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'poison' }])
    for (let count = 1; count <= 3; count += 1) {
      expect(await receiveOne(harness)).toMatchObject({ receiveCount: count })
      harness.advance(30_000)
    }
    await harness.queues.send('inbox', [{ body: 'sound' }])
    expect(bodies(await harness.queues.receive('inbox', 1))).toEqual(['sound'])
    const letters = await harness.queues.deadLetters('inbox', 10)
    expect(letters).toEqual([expect.objectContaining({ body: 'poison', receiveCount: 3 })])
    expect(letters[0]?.reason).toMatch(/received 3 times/i)
    expect(await harness.queues.counts('inboxDlq')).toMatchObject({ visible: 1 })
  })

  queues('a queue without a limit of receives keeps delivering', async (harness) => {
    await harness.queues.send('outbox', [{ body: 'a' }])
    for (let count = 1; count <= 12; count += 1) {
      expect(await receiveOne(harness, 'outbox', 1000)).toMatchObject({ receiveCount: count })
      harness.advance(1000)
    }
  })

  queues('a consumer may set a message aside with its reason', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }])
    const { id } = await receiveOne(harness)
    await harness.queues.deadLetter('inbox', id, 'The signature does not verify.')
    harness.advance(40_000)
    expect(await harness.queues.receive('inbox', 10)).toEqual([])
    const letters = await harness.queues.deadLetters('inbox', 10)
    expect(letters).toEqual([expect.objectContaining({ body: 'a', reason: 'The signature does not verify.' })])
  })

  queues('a redriven message is delivered anew, with all its receives before it', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }])
    const { id } = await receiveOne(harness)
    await harness.queues.deadLetter('inbox', id, 'no')
    harness.advance(2 * hour)
    const ids = (await harness.queues.deadLetters('inbox', 10)).map((letter) => letter.id)
    expect(await harness.queues.redrive('inbox', [...ids, 'unknown'])).toBe(1)
    expect(await harness.queues.deadLetters('inbox', 10)).toEqual([])
    expect(await receiveOne(harness)).toMatchObject({ body: 'a', receiveCount: 1, firstSentAt: harness.now() })
  })

  queues('a dead letter can be deleted', async (harness) => {
    await harness.queues.send('inbox', [{ body: 'a' }])
    await harness.queues.deadLetter('inbox', (await receiveOne(harness)).id, 'no')
    await harness.queues.delete(
      'inboxDlq',
      (await harness.queues.deadLetters('inbox', 10)).map(({ id }) => id),
    )
    expect(await harness.queues.deadLetters('inbox', 10)).toEqual([])
  })
}
