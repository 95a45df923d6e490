/** About 2 ms of work: a row is read and parsed in some microseconds. */
const rowsATurn = 500

/**
 * SQLite answers at once, so a read of page after page would never let the event loop go. Readers share what may be read
 * in one turn of the loop; whoever finds it used up waits for a later one.
 */
export class ReadTurns {
  #rows = 0
  #next: Promise<void> | undefined

  /** Undefined: read now. Else it resolves in a later turn, where a reader asks again: others may have come first. */
  turn(): Promise<void> | undefined {
    return this.#rows < rowsATurn ? undefined : this.#next
  }

  count(rows: number): void {
    this.#rows += rows
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#rows = 0
        this.#next = undefined
        resolve()
      })
    })
  }
}
