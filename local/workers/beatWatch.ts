/**
 * Whether a thread goes on, by a number in shared memory that it raises. It is judged by how often it was looked at, not by a
 * clock: where this thread itself stood still, or the machine slept, that counts as one look.
 */
export class BeatWatch {
  readonly #beats: Int32Array
  readonly #patience: { readonly looks: number; readonly firstLooks: number }
  #seen = 0
  /** How often nothing was new. */
  #idle = 0

  /** `looks`: after so many without a beat it hangs; `firstLooks`: before its first one, while it is being started. */
  constructor(beats: Int32Array, patience: { readonly looks: number; readonly firstLooks: number }) {
    this.#beats = beats
    this.#patience = patience
  }

  /** Looks once; true: it hangs. */
  hangs(): boolean {
    const now = Atomics.load(this.#beats, 0)
    this.#idle = now === this.#seen ? this.#idle + 1 : 0
    this.#seen = now
    const { looks, firstLooks } = this.#patience
    return this.#idle >= (now === 0 ? firstLooks : looks)
  }
}
