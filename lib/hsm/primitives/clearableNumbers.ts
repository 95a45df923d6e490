/**
 * Natural numbers in memory of our own, which is cleared: JavaScript's BigInts stay where V8 has put them until that is used
 * again. Only what the check of an RSA pair takes; a division of 4096 bits takes milliseconds.
 */

/** Sixteen bits each, the lowest first. */
type Limbs = Uint16Array

export class ClearableNumbers {
  readonly #made: Limbs[] = []

  of(bigEndian: Uint8Array): Limbs {
    const limbs = this.#make(Math.ceil(bigEndian.length / 2))
    for (let at = 0; at < bigEndian.length; at++) {
      const byte = bigEndian[bigEndian.length - 1 - at] ?? 0
      limbs[at >> 1] = (limbs[at >> 1] ?? 0) | (byte << (8 * (at & 1)))
    }
    return limbs
  }

  /** Of a number that is not zero. */
  lessOne(number: Limbs): Limbs {
    const result = this.#make(number.length)
    result.set(number)
    subtract(result, this.of(Uint8Array.of(1)))
    return result
  }

  product(one: Limbs, other: Limbs): Limbs {
    const result = this.#make(one.length + other.length)
    for (let low = 0; low < one.length; low++) {
      let carry = 0
      for (let high = 0; high < other.length; high++) {
        const sum = (result[low + high] ?? 0) + (one[low] ?? 0) * (other[high] ?? 0) + carry
        result[low + high] = sum & 0xffff
        carry = Math.floor(sum / 0x10000)
      }
      result[low + other.length] = carry
    }
    return result
  }

  /** Bit by bit, as on paper. */
  remainder(number: Limbs, modulus: Limbs): Limbs {
    const rest = this.#make(modulus.length + 1)
    for (let at = number.length - 1; at >= 0; at--) {
      for (let bit = 15; bit >= 0; bit--) {
        double(rest, ((number[at] ?? 0) >> bit) & 1)
        if (compare(rest, modulus) >= 0) subtract(rest, modulus)
      }
    }
    return rest
  }

  /** All that came of this object; none of it is to be used afterwards. */
  clear(): void {
    for (const limbs of this.#made) limbs.fill(0)
    this.#made.length = 0
  }

  #make(length: number): Limbs {
    const limbs = new Uint16Array(length)
    this.#made.push(limbs)
    return limbs
  }
}

/** Below zero where the first is less. */
export function compare(one: Limbs, other: Limbs): number {
  for (let at = Math.max(one.length, other.length) - 1; at >= 0; at--) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

export function bitLength(number: Limbs): number {
  const highest = number.findLastIndex((limb) => limb !== 0)
  return highest < 0 ? 0 : highest * 16 + 32 - Math.clz32(number[highest] ?? 0)
}

/** The larger comes first, and is what is left. */
function subtract(from: Limbs, number: Limbs): void {
  let borrow = 0
  for (let at = 0; at < from.length; at++) {
    const difference = (from[at] ?? 0) - (number[at] ?? 0) - borrow
    borrow = difference < 0 ? 1 : 0
    from[at] = difference + borrow * 0x10000
  }
}

function double(number: Limbs, lowest: number): void {
  let carry = lowest
  for (let at = 0; at < number.length; at++) {
    const limb = number[at] ?? 0
    number[at] = ((limb << 1) | carry) & 0xffff
    carry = limb >> 15
  }
}
