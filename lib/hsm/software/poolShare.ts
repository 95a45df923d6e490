import { availableParallelism } from 'node:os'
import { KmsError } from '../../errors.ts'
import type { KeyShape } from '../hsm.ts'

export interface PoolShareOptions {
  /** How many pieces of work may be in the thread pool at once. */
  readonly atOnce: number
  /** How many may wait for that. */
  readonly maxWaiting: number
  /** What all that waits may cost together before a caller is refused: nobody waits until their client gives up. */
  readonly maxWaitingCost?: number
}

interface Waiting {
  readonly cost: number
  readonly start: () => void
  readonly refuse: (error: KmsError) => void
}

const retryAfterSeconds = 5

/**
 * A bounded share of the thread pool for work that takes long, such as making an RSA pair: without it a few callers would
 * fill the pool, and every signature behind them, those of other vaults' hand-offs too, would wait for seconds. Vaults take
 * turns, and where too many wait, the vault that has the most waiting loses the last of them.
 */
export class PoolShare {
  readonly #atOnce: number
  readonly #maxWaiting: number
  readonly #maxWaitingCost: number
  /** By vault, the next one's turn first. */
  readonly #waiting = new Map<string, Waiting[]>()
  #running = 0
  #count = 0
  #cost = 0

  constructor({ atOnce, maxWaiting, maxWaitingCost = Infinity }: PoolShareOptions) {
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
    this.#maxWaitingCost = maxWaitingCost
  }

  /**
   * `cost` is how long the work takes, in units of its maker's; what costs nothing here waits as long as it must, as what is
   * prepared for nobody in particular.
   * @throws KmsError tooManyRequests where too much waits already.
   */
  async run<T>(vaultId: string, work: () => Promise<T>, cost = 0): Promise<T> {
    if (this.#running >= this.#atOnce) await this.#turn(vaultId, cost)
    else this.#running += 1
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  /** Resolves with the place of one that is done: the number of running ones stays. */
  #turn(vaultId: string, cost: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(vaultId) ?? []
      this.#waiting.set(vaultId, queue)
      queue.push({ start: resolve, refuse: reject, cost })
      this.#count += 1
      this.#cost += cost
      if (this.#count > this.#maxWaiting) this.#refuseOne((queue) => queue.length)
      while (this.#cost > this.#maxWaitingCost) this.#refuseOne(costOf)
    })
  }

  /** The last, of those that weigh anything, of the vault whose waiting work weighs most. */
  #refuseOne(weightOf: (queue: readonly Waiting[]) => number): void {
    let heaviest: Waiting[] = []
    for (const queue of this.#waiting.values()) if (weightOf(queue) >= weightOf(heaviest)) heaviest = queue
    const at = heaviest.findLastIndex((each) => weightOf([each]) > 0)
    const [refused] = heaviest.splice(at, 1)
    if (refused === undefined) return
    this.#count -= 1
    this.#cost -= refused.cost
    refused.refuse(
      new KmsError('tooManyRequests', 'Many keys are being made here at the moment; try again in some seconds.', {
        retryAfter: retryAfterSeconds,
      }),
    )
  }

  #next(): void {
    for (const [vaultId, queue] of this.#waiting) {
      this.#waiting.delete(vaultId)
      const next = queue.shift()
      if (queue.length > 0) this.#waiting.set(vaultId, queue)
      if (next === undefined) continue
      this.#count -= 1
      this.#cost -= next.cost
      next.start()
      return
    }
    this.#running -= 1
  }
}

function costOf(queue: readonly Waiting[]): number {
  return queue.reduce((sum, { cost }) => sum + cost, 0)
}

/** Of a pair, in pairs of elliptic curves: finding primes takes a high power of their length. */
export function makingCost({ algorithm, length }: KeyShape): number {
  return algorithm === 'RSA' ? Math.ceil((length / 128) ** 3) : 1
}

/** Threads of the pool that node:crypto works in. */
const poolSize = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)

/** Of this process, whose regions have one pool together: half of it, so that signatures always find a thread, and half of the cores. */
export function makersAtOnce(threads: number, cores: number): number {
  return Math.max(1, Math.floor(Math.min(threads, Math.max(4, cores)) / 2))
}
const atOnce = makersAtOnce(poolSize, availableParallelism())
/** Of RSA-4096: two to five seconds each, where clients give up after 60. */
const maxTurns = 4
export const keyGenerationShare = new PoolShare({
  atOnce,
  maxWaiting: 64,
  maxWaitingCost: atOnce * maxTurns * makingCost({ algorithm: 'RSA', length: 512 }),
})
