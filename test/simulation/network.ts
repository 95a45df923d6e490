import type { QueueAddress, QueueMessage, Queues } from '../../lib/ports.ts'
import type { Incarnation, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seededRandom.ts'
import type { SimulatedQueues } from './simulatedQueues.ts'

/** One direction between two regions. `hangs`: a message neither arrives nor fails. */
export interface Link {
  state: 'up' | 'refuses' | 'hangs'
  delayMs: number
}

const maxRemembered = 60

/** The queues of all regions, and the links over which a region reaches those of another. */
export class Network {
  readonly #scheduler: Scheduler
  readonly #queues = new Map<string, SimulatedQueues>()
  readonly #links = new Map<string, Link>()
  /** What went from region to region of late. */
  readonly #sent: { readonly to: QueueAddress; readonly message: QueueMessage }[] = []

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  attach(region: string, queues: SimulatedQueues): void {
    this.#queues.set(region, queues)
  }

  link(from: string, to: string): Link {
    const name = `${from} > ${to}`
    const known = this.#links.get(name)
    if (known !== undefined) return known
    const link: Link = { state: 'up', delayMs: 0 }
    this.#links.set(name, link)
    return link
  }

  heal(): void {
    for (const link of this.#links.values()) {
      link.state = 'up'
      link.delayMs = 0
    }
  }

  /** A message of long ago arrives once more. */
  repeat(random: SeededRandom): void {
    if (this.#sent.length === 0) return
    const { to, message } = random.pick(this.#sent)
    this.#queues.get(to.region)?.send(to.name, [message])
  }

  #remember(to: QueueAddress, messages: readonly QueueMessage[]): void {
    for (const message of messages) this.#sent.push({ to, message })
    if (this.#sent.length > maxRemembered) this.#sent.splice(0, this.#sent.length - maxRemembered)
  }

  /** The port of one region. */
  portOf(region: string, by: Incarnation): Queues {
    return {
      send: async (to, messages) => {
        const label = () => `${to.region} ${to.name}`
        const deliver = () => this.#queues.get(to.region)?.send(to.name, messages)
        if (to.region === region) return this.#scheduler.call(by, region, 'send', label, deliver)
        const link = this.link(region, to.region)
        if (link.state === 'hangs') return new Promise(() => undefined)
        return this.#scheduler.later(link.delayMs, by, region, 'send', label, () => {
          if (link.state !== 'up' || !this.#queues.has(to.region)) throw new Error(`${to.region} is unreachable`)
          deliver()
          this.#remember(to, messages)
        })
      },
    }
  }
}
