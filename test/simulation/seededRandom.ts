/** Numbers that a seed decides: the same seed gives the same schedule on every machine. */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `stream` separates the uses of one seed, so that drawing more for one does not move the others. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = stream | 0
    for (let round = 0; round < 12; round += 1) this.next()
  }

  /** 0 (inclusive) to 1 (exclusive), by sfc32. */
  next(): number {
    return this.#word() / 2 ** 32
  }

  /** A whole number of 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.#word() / 2 ** 32) * limit)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(from: readonly T[]): T {
    const index = this.below(from.length)
    if (index >= from.length) throw new RangeError('There is nothing to pick from.')
    return from[index] as T
  }

  bytes(length: number): Buffer {
    const words = Math.ceil(length / 4)
    const bytes = Buffer.allocUnsafe(words * 4)
    for (let word = 0; word < words; word += 1) bytes.writeUInt32LE(this.#word(), word * 4)
    return bytes.subarray(0, length)
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }
}
