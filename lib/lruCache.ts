/**
 * Keeps the `capacity` entries that were used last, as far as they were used since it was half full; tells `onDrop` about each one that it lets go.
 */
export class LruCache<V> {
  readonly #entries = new Map<string, V>()
  readonly #capacity: number
  readonly #onDrop: ((value: V) => void) | undefined

  constructor(capacity: number, onDrop?: (value: V) => void) {
    this.#capacity = capacity
    this.#onDrop = onDrop
  }

  get(id: string): V | undefined {
    const value = this.#entries.get(id)
    if (value === undefined) return undefined
    // Nothing is let go of for a while: who is the oldest need not be known to the last call.
    if (this.#entries.size * 2 <= this.#capacity) return value
    // A Map lists its entries in the order in which they were set: setting again makes this one the youngest.
    this.#entries.delete(id)
    this.#entries.set(id, value)
    return value
  }

  set(id: string, value: V): void {
    this.#entries.delete(id)
    this.#entries.set(id, value)
    for (const [oldest, dropped] of this.#entries) {
      if (this.#entries.size <= this.#capacity) return
      this.#drop(oldest, dropped)
    }
  }

  delete(id: string): void {
    const value = this.#entries.get(id)
    if (value !== undefined) this.#drop(id, value)
  }

  deleteThoseThat(isChosen: (id: string, value: V) => boolean): void {
    for (const [id, value] of this.#entries) if (isChosen(id, value)) this.#drop(id, value)
  }

  /** All at once, the oldest first; nothing is left. */
  takeAll(): readonly string[] {
    const ids = [...this.#entries.keys()]
    this.deleteThoseThat(() => true)
    return ids
  }

  #drop(id: string, value: V): void {
    this.#entries.delete(id)
    this.#onDrop?.(value)
  }
}
