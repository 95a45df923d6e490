import { generateKeyPairSync, getDiffieHellman } from 'node:crypto'
import { pinnedKeys, requireJwkSet, usableKeys } from '../../lib/iam/oidc/jwkSet.ts'

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
  ['a symmetric key without its secret', { keys: [{ kty: 'oct' }] }, /key 1 /],
  [
    'a short key',
    { keys: [generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })] },
    /key 1 /,
  ],
  ['a key for encryption', { keys: [{ ...publicRsa, use: 'enc' }] }, /key 1 /],
  ['a kind that every object inherits', { keys: [{ kty: 'constructor' }] }, /key 1 /],
  ['no object', { keys: ['key'] }, /key 1 /],
])('%s is no set', (_what, value, text) => {
  expect(() => requireJwkSet(value)).toThrow(refusal(text))
})

const prime = getDiffieHellman('modp14').getPrime().toString('base64url')
const unfit: readonly (readonly [string, object, RegExp])[] = [
  ['RSA under the exponent 1', { ...publicRsa, e: 'AQ' }, /exponent under which signatures prove nothing/],
  ['RSA under an even exponent', { ...publicRsa, e: 'Ag' }, /exponent under which signatures prove nothing/],
  [
    'RSA with more bits than an issuer needs',
    { kty: 'RSA', n: Buffer.alloc(513, 0xff).toString('base64url'), e: 'AQAB' },
    /has 4104 bits/,
  ],
  ['a curve of no algorithm', newPublic('secp256k1'), /of a curve/],
  ['a curve that agrees on keys', generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }), /of a curve/],
  ['Ed448', generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' }), /of a curve/],
  ['a point that is on no curve', { ...publicEc, y: publicEc['x'] }, /is no public key/],
]
const weak: typeof unfit = [
  ['RSA with a prime for its modulus', { ...publicRsa, n: prime }, /is a prime.*work out its private key/],
  ['RSA with a small factor', { ...publicRsa, n: Buffer.alloc(256, 0xff).toString('base64url') }, /that 3 divides/],
]

function newPublic(namedCurve: string): object {
  return generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })
}

test.each([...unfit, ...weak])('%s is neither pinned nor taken from what an issuer publishes', (_what, key, text) => {
  expect(() => requireJwkSet({ keys: [publicEc, key] })).toThrow(refusal(/because key 2 /))
  expect(() => requireJwkSet({ keys: [publicEc, key] })).toThrow(refusal(text))
  expect(usableKeys({ keys: [key, publicEc] })).toEqual({ keys: [publicEc] })
})

test.each(unfit.filter(([what]) => !what.includes('more bits')))(
  '%s that was pinned before counts no more',
  (_what, key) => {
    expect(pinnedKeys({ keys: [key, publicEc] })).toEqual({ keys: [publicEc] })
  },
)

test('the curves that tokens are signed with are taken, and RSA that was pinned before', () => {
  const keys = ['P-256', 'P-384', 'P-521'].map(newPublic)
  const edwards = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  expect(requireJwkSet({ keys: [...keys, edwards] })).toEqual({ keys: [...keys, edwards] })
  expect(pinnedKeys({ keys: [publicRsa] })).toEqual({ keys: [publicRsa] })
})

test('of what an issuer publishes the usable keys are taken', () => {
  expect(usableKeys({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }, publicRsa, 7] })).toEqual({ keys: [publicRsa] })
  expect(usableKeys('none')).toEqual({ keys: [] })
})
