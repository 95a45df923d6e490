import { isRefusal } from '../isRefusal.ts'
import type { Clock, QueueAddress, QueueMessage, Queues, Timers } from '../ports.ts'

export interface PeerBreakerOptions {
  readonly queues: Queues
  /** Whose queues are next door: they have no breaker. */
  readonly ownRegion: string
  readonly clock: Clock
  readonly timers: Timers
  /** An answer that takes longer is none. */
  readonly slowMs: number
}

/** So many sends in a row that failed, and the peer is left alone for a while. */
const failures = 3
const restMs = 5_000

interface Peer {
  /** In a row. */
  failed: number
  /** Until then nothing is sent; afterwards one send tries whether the peer is back. */
  restsUntil: number
  isTrying: boolean
}

/**
 * Sends to a peer that does not answer fail at once, so that whoever must wait for it does not wait, and what is to be done
 * for others is not held up. A breaker for each peer, in each process.
 */
export class PeerBreaker implements Queues {
  readonly #options: PeerBreakerOptions
  readonly #peers = new Map<string, Peer>()

  constructor(options: PeerBreakerOptions) {
    this.#options = options
  }

  async send(to: QueueAddress, messages: readonly QueueMessage[]): Promise<void> {
    const { queues, ownRegion, clock, timers, slowMs } = this.#options
    if (to.region === ownRegion) return queues.send(to, messages)
    const peer = this.#peer(to.region)
    const isTrial = peer.failed >= failures
    if (isTrial) {
      if (peer.isTrying || clock() < peer.restsUntil) {
        throw new Error(`${to.region} has not answered lately, and is asked again later.`)
      }
      peer.isTrying = true
    }
    let isCounted = false
    const count = (hasFailed: boolean) => {
      if (isCounted) return
      isCounted = true
      if (isTrial) peer.isTrying = false
      peer.failed = hasFailed ? peer.failed + 1 : 0
      if (hasFailed) peer.restsUntil = clock() + restMs
    }
    const callOff = timers.after(slowMs, () => {
      count(true)
    })
    try {
      await queues.send(to, messages)
      count(false)
    } catch (cause) {
      count(!isRefusal(cause))
      throw cause
    } finally {
      callOff()
    }
  }

  #peer(region: string): Peer {
    const peer = this.#peers.get(region) ?? { failed: 0, restsUntil: 0, isTrying: false }
    this.#peers.set(region, peer)
    return peer
  }
}
