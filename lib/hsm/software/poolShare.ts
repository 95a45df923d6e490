import { KmsError } from '../../errors.ts'

export interface PoolShareOptions {
  /** How many pieces of work may be in the thread pool at once. */
  readonly atOnce: number
  /** How many may wait for that. */
  readonly maxWaiting: number
}

interface Waiting {
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
  /** By vault, the next one's turn first. */
  readonly #waiting = new Map<string, Waiting[]>()
  #running = 0
  #count = 0

  constructor({ atOnce, maxWaiting }: PoolShareOptions) {
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
  }

  /** @throws KmsError tooManyRequests where too much waits already. */
  async run<T>(vaultId: string, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await this.#turn(vaultId)
    else this.#running += 1
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  /** Resolves with the place of one that is done: the number of running ones stays. */
  #turn(vaultId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(vaultId) ?? []
      this.#waiting.set(vaultId, queue)
      queue.push({ start: resolve, refuse: reject })
      this.#count += 1
      if (this.#count > this.#maxWaiting) this.#refuseOne()
    })
  }

  #refuseOne(): void {
    let longest: Waiting[] = []
    for (const queue of this.#waiting.values()) if (queue.length >= longest.length) longest = queue
    this.#count -= 1
    longest.pop()?.refuse(
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
      next.start()
      return
    }
    this.#running -= 1
  }
}

/** Threads of the pool that node:crypto works in. */
const poolSize = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)

/** Of this process, whose regions have one pool together: half of it, so that signatures always find a thread. */
export const keyGenerationShare = new PoolShare({ atOnce: Math.max(1, Math.floor(poolSize / 2)), maxWaiting: 64 })
