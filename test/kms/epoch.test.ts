import { epochOf, isAtLeast } from '../../lib/kms/rows/epoch.ts'

const order = (n: number, region: string, revision: number) => ({ epoch: epochOf(n, region), revision })

test('an epoch decides before any revision: what a later writer wrote is never overtaken by an earlier one', () => {
  expect(isAtLeast(order(2, 'a', 1), order(1, 'b', 9))).toBe(true)
  expect(isAtLeast(order(1, 'b', 9), order(2, 'a', 1))).toBe(false)
  expect(isAtLeast(order(1, 'b', 1), order(1, 'a', 9))).toBe(true)
})

test('within an epoch the revision decides, and nothing is at or after what is absent there', () => {
  expect(isAtLeast(order(1, 'a', 2), order(1, 'a', 2))).toBe(true)
  expect(isAtLeast(order(1, 'a', 1), order(1, 'a', 2))).toBe(false)
  expect(isAtLeast(undefined, order(1, 'a', 1))).toBe(false)
})

test('the tenth epoch comes after the ninth', () => {
  expect(isAtLeast(order(10, 'a', 1), order(9, 'a', 1))).toBe(true)
})
