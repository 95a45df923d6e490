import type { QueueMessage, QueueName } from '../../lib/ports.ts'
import { requireSendable } from '../../lib/store/requireSendable.ts'
import type { SeededRandom } from './seededRandom.ts'

export interface Message {
  readonly id: string
  readonly body: string
  visibleAt: number
  receiveCount: number
}

const names = ['inbox', 'outcome', 'outbox'] as const
const visibilityMs = 30_000
const firstRetryMs = 50
const maxRetryMs = 5_000

/** The three queues of a region: at least once, in any order; what fails too often becomes a dead letter. */
export class SimulatedQueues {
  readonly waiting: Record<QueueName, Message[]> = { inbox: [], outcome: [], outbox: [] }
  readonly dead: Record<QueueName, Message[]> = { inbox: [], outcome: [], outbox: [] }
  readonly #now: () => number
  #sent = 0

  constructor(now: () => number, from?: SimulatedQueues) {
    this.#now = now
    if (from === undefined) return
    for (const name of names) {
      // A new owner of the queues gets what the old one held, too.
      this.waiting[name] = from.waiting[name].map((message) => ({ ...message, visibleAt: 0 }))
      this.dead[name] = [...from.dead[name]]
    }
  }

  send(name: QueueName, messages: readonly QueueMessage[]): void {
    messages.forEach(requireSendable)
    for (const { body, delaySeconds = 0 } of messages) {
      this.#sent += 1
      const visibleAt = this.#now() + delaySeconds * 1000
      this.waiting[name].push({ id: `${name}-${this.#sent}`, body, visibleAt, receiveCount: 0 })
    }
  }

  /** Up to `max` visible messages, picked at random; they are hidden for a while. */
  receive(name: QueueName, max: number, random: SeededRandom): readonly Message[] {
    const now = this.#now()
    const visible = this.waiting[name].filter(({ visibleAt }) => visibleAt <= now)
    const taken: Message[] = []
    while (taken.length < max && visible.length > 0) {
      const [message] = visible.splice(random.below(visible.length), 1)
      if (message === undefined) break
      message.visibleAt = now + visibilityMs
      message.receiveCount += 1
      taken.push(message)
    }
    return taken
  }

  delete(name: QueueName, id: string): void {
    const index = this.waiting[name].findIndex((message) => message.id === id)
    if (index >= 0) this.waiting[name].splice(index, 1)
  }

  /** A failed message comes again after a while that grows, or is buried. */
  putBack(name: QueueName, message: Message, maxReceives: number | undefined): void {
    if (maxReceives !== undefined && message.receiveCount >= maxReceives) {
      this.delete(name, message.id)
      this.dead[name].push(message)
      return
    }
    const wait = firstRetryMs * 2 ** Math.min(message.receiveCount - 1, 10)
    message.visibleAt = this.#now() + Math.min(maxRetryMs, wait)
  }

  redriveAll(): void {
    for (const name of names) {
      for (const message of this.dead[name].splice(0)) {
        this.waiting[name].push({ ...message, receiveCount: 0, visibleAt: this.#now() })
      }
    }
  }

  /** When something becomes visible that is not yet; undefined where nothing does. */
  nextVisibleAt(): number | undefined {
    const now = this.#now()
    const times = names.flatMap((name) =>
      this.waiting[name].flatMap((each) => (each.visibleAt > now ? each.visibleAt : [])),
    )
    return times.length === 0 ? undefined : Math.min(...times)
  }
}
