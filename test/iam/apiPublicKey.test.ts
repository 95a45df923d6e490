import type { KeyObject } from 'node:crypto'
import { isApiPublicKey } from '../../lib/iam/signature/apiPublicKey.ts'

const fit = { modulusLength: 2048, publicExponent: 65537n }
const aKey = (details: Partial<typeof fit> | undefined, type = 'public', asymmetricKeyType = 'rsa') =>
  ({ type, asymmetricKeyType, asymmetricKeyDetails: details && { ...fit, ...details } }) as unknown as KeyObject

test.each([[{}], [{ modulusLength: 8192 }], [{ publicExponent: 3n }], [{ publicExponent: (1n << 64n) - 1n }]])(
  'a key is fit for an API with %o',
  (details) => {
    expect(isApiPublicKey(aKey(details))).toBe(true)
  },
)

test.each([
  [{ modulusLength: 2047 }],
  [{ modulusLength: 8193 }],
  [{ publicExponent: 1n }],
  [{ publicExponent: 2n }],
  [{ publicExponent: 65538n }],
  [{ publicExponent: (1n << 64n) + 1n }],
  [undefined],
])('a key is not fit with %o', (details) => {
  expect(isApiPublicKey(aKey(details))).toBe(false)
})

test('neither a private key nor one of another kind is', () => {
  expect([isApiPublicKey(aKey({}, 'private')), isApiPublicKey(aKey({}, 'public', 'ec'))]).toEqual([false, false])
})
