import { LruCache } from '../../lruCache.ts'

interface Held<T> {
  readonly handle: T
  users: number
  isDropped: boolean
}

/** Opened keys by id. A handle is destroyed once it is both dropped and unused, never under a caller's hands. */
export class HandleCache<T> {
  readonly #destroy: (handle: T) => void
  readonly #onDrop: ((idStart: string) => void) | undefined
  readonly #held: LruCache<Held<T>>

  /** `onDrop` is told of every call of `drop`, for whoever holds the same handles elsewhere. */
  constructor(capacity: number, destroy: (handle: T) => void, onDrop?: (idStart: string) => void) {
    this.#destroy = destroy
    this.#onDrop = onDrop
    this.#held = new LruCache(capacity, (held) => {
      held.isDropped = true
      this.#destroyIfUnused(held)
    })
  }

  /** `id` must name everything that `open` verified: a hit does not verify it again. */
  async use<R>(id: string, open: () => T, work: (handle: T) => Promise<R> | R): Promise<R> {
    const known = this.#held.get(id)
    const held = known ?? { handle: open(), users: 0, isDropped: false }
    held.users++
    // Set after counting, so that a cache of capacity zero does not destroy the handle before its first use.
    if (known === undefined) this.#held.set(id, held)
    try {
      return await work(held.handle)
    } finally {
      held.users--
      this.#destroyIfUnused(held)
    }
  }

  /** Lets go of every handle whose id begins so. */
  drop(idStart: string): void {
    this.#held.deleteThoseThat((id) => id.startsWith(idStart))
    this.#onDrop?.(idStart)
  }

  #destroyIfUnused({ handle, users, isDropped }: Held<T>): void {
    if (isDropped && users === 0) this.#destroy(handle)
  }
}
