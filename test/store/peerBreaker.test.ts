import type { QueueAddress, QueueMessage, Timers } from '../../lib/ports.ts'
import { PeerBreaker } from '../../lib/store/peerBreaker.ts'

const peer = { region: 'us-west-2', name: 'inbox' } as const
const third = { region: 'eu-west-1', name: 'inbox' } as const
const own = { region: 'us-east-1', name: 'outbox' } as const
const message: QueueMessage[] = [{ body: '{}' }]

/** A breaker over queues that answer as told; time passes when the test says so. */
function open() {
  const sent: string[] = []
  let now = 0
  const waiting = new Set<{ at: number; work: () => void }>()
  const timers: Timers = {
    sleep: async () => undefined,
    after: (ms, work) => {
      const timer = { at: now + ms, work }
      waiting.add(timer)
      return () => waiting.delete(timer)
    },
  }
  const pass = (ms: number) => {
    now += ms
    for (const timer of waiting) if (timer.at <= now && waiting.delete(timer)) timer.work()
  }
  const queues = {
    answer: async (_to: QueueAddress): Promise<void> => undefined,
    send: (to: QueueAddress) => {
      sent.push(to.region)
      return queues.answer(to)
    },
  }
  const breaker = new PeerBreaker({ queues, ownRegion: own.region, clock: () => now, timers, slowMs: 1000 })
  const attempt = (to: QueueAddress) =>
    breaker.send(to, message).then(
      () => 'sent',
      (cause: unknown) => (cause as Error).message,
    )
  return { queues, sent, pass, attempt, waiting }
}
const down = () => Promise.reject(new Error('down'))
const resting = 'us-west-2 has not answered lately, and is asked again later.'

test('after three failures in a row a peer is left alone, and nobody else is', async () => {
  const { queues, sent, attempt } = open()
  queues.answer = (to) => (to.region === peer.region ? down() : Promise.resolve())
  for (let count = 0; count < 3; count += 1) expect(await attempt(peer)).toBe('down')
  for (let count = 0; count < 9; count += 1) expect(await attempt(peer)).toBe(resting)
  expect(sent).toHaveLength(3)
  expect(await attempt(third)).toBe('sent')
  expect(await attempt(own)).toBe('sent')
})

test('after five seconds one send asks whether it is back; the others go on failing until it has answered', async () => {
  const { queues, sent, pass, attempt } = open()
  queues.answer = down
  for (let count = 0; count < 3; count += 1) await attempt(peer)
  pass(4999)
  expect(await attempt(peer)).toBe(resting)
  pass(1)
  expect(await attempt(peer)).toBe('down')
  expect(await attempt(peer)).toBe(resting)
  pass(5000)
  let answer: () => void = () => undefined
  queues.answer = () => new Promise((resolve) => (answer = resolve))
  const trial = attempt(peer)
  expect(await attempt(peer)).toBe(resting)
  answer()
  expect(await trial).toBe('sent')
  queues.answer = async () => undefined
  expect(await attempt(peer)).toBe('sent')
  expect(sent).toHaveLength(6)
})

test('an answer that takes too long counts as none, once, though it comes after all', async () => {
  const { queues, pass, attempt, waiting } = open()
  const answers: (() => void)[] = []
  queues.answer = () => new Promise((resolve) => answers.push(resolve))
  const slow = [attempt(peer), attempt(peer), attempt(peer)]
  pass(1000)
  expect(await attempt(peer)).toBe(resting)
  for (const answer of answers) answer()
  expect(await Promise.all(slow)).toEqual(['sent', 'sent', 'sent'])
  expect(await attempt(peer)).toBe(resting)
  expect(waiting.size).toBe(0)
})

test('failures that are not in a row, or not the peer’s, open nothing', async () => {
  const { queues, attempt } = open()
  for (let count = 0; count < 9; count += 1) {
    queues.answer = down
    await attempt(peer)
    await attempt(own)
    queues.answer = async () => undefined
    await attempt(peer)
  }
  queues.answer = () => Promise.reject(new RangeError('too long'))
  for (let count = 0; count < 9; count += 1) expect(await attempt(peer)).toBe('too long')
})
