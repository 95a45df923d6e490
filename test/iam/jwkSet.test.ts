import { generateKeyPairSync } from 'node:crypto'
import { requireJwkSet, usableKeys } from '../../lib/iam/jwkSet.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicRsa = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'r', alg: 'RS256', use: 'sig' }
const publicEc = ec.publicKey.export({ format: 'jwk' })
const refusal = (text: RegExp) =>
  expect.objectContaining({ code: 'invalidParameter', message: expect.stringMatching(text) as string }) as Error

test('public keys are kept, without what is no part of a key', () => {
  expect(requireJwkSet({ keys: [{ ...publicRsa, x5c: ['AAAA'], more: { a: 1 } }, publicEc], more: 1 })).toEqual({
    keys: [publicRsa, publicEc],
  })
})

test.each([
  ['nothing', undefined, /no list/],
  ['a key alone', publicRsa, /no list/],
  ['no key', { keys: [] }, /has 0 keys/],
  ['too many', { keys: Array(21).fill(publicEc) }, /has 21 keys/],
  [
    'a private key',
    { keys: [publicEc, rsa.privateKey.export({ format: 'jwk' })] },
    /secret in key 2.*Nothing was stored/,
  ],
  ['a symmetric key', { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }, /secret in key 1/],
  ['a symmetric key without its secret', { keys: [{ kty: 'oct' }] }, /place 1/],
  [
    'a short key',
    { keys: [generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })] },
    /place 1/,
  ],
  ['a key for encryption', { keys: [{ ...publicRsa, use: 'enc' }] }, /place 1/],
  ['a kind that every object inherits', { keys: [{ kty: 'constructor' }] }, /place 1/],
  ['no object', { keys: ['key'] }, /place 1/],
])('%s is no set', (_what, value, text) => {
  expect(() => requireJwkSet(value)).toThrow(refusal(text))
})

test('of what an issuer publishes the usable keys are taken', () => {
  expect(usableKeys({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }, publicRsa, 7] })).toEqual({ keys: [publicRsa] })
  expect(usableKeys('none')).toEqual({ keys: [] })
})
