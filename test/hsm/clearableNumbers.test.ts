import fc from 'fast-check'
import { bitLength, ClearableNumbers, compare } from '../../lib/hsm/primitives/clearableNumbers.ts'

const bytes = fc.uint8Array({ minLength: 1, maxLength: 70 })
const valueOf = (bigEndian: Uint8Array) => BigInt(`0x${Buffer.from(bigEndian).toString('hex')}`)
const read = (limbs: Uint16Array) => limbs.reduceRight((total, limb) => (total << 16n) | BigInt(limb), 0n)

test('count as BigInts do', () => {
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      const numbers = new ClearableNumbers()
      const [x, y] = [valueOf(one), valueOf(other)]
      fc.pre(y > 0n)
      const [a, b] = [numbers.of(one), numbers.of(other)]
      expect([read(a), read(numbers.product(a, b)), read(numbers.remainder(a, b))]).toEqual([x, x * y, x % y])
      expect([read(numbers.lessOne(b)), bitLength(b)]).toEqual([y - 1n, y.toString(2).length])
      expect(Math.sign(compare(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0)
    }),
  )
})

test('are gone once they are cleared, and what came of them', () => {
  const numbers = new ClearableNumbers()
  const one = numbers.of(Buffer.alloc(40, 7))
  const made = [one, numbers.lessOne(one), numbers.product(one, one), numbers.remainder(one, one)]
  numbers.clear()
  for (const each of made) expect(read(each)).toBe(0n)
})
