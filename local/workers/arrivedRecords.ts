/** As UnstoredRecords has them in the region's own thread: which vaults and keys a record has arrived of that is not stored. */
export class ArrivedRecords {
  readonly #count = new Map<string, number>()

  arrived(ids: readonly string[]): void {
    for (const id of ids) this.#count.set(id, (this.#count.get(id) ?? 0) + 1)
  }

  worked(ids: readonly string[]): void {
    for (const id of ids) {
      const left = (this.#count.get(id) ?? 0) - 1
      if (left > 0) this.#count.set(id, left)
      else this.#count.delete(id)
    }
  }

  has(ids: readonly string[]): boolean {
    return this.#count.size > 0 && ids.some((id) => this.#count.has(id))
  }
}
