import { checkPrimeSync, createPublicKey, generatePrimeSync, getDiffieHellman } from 'node:crypto'
import { readApiPublicKey } from '../../lib/iam/signature/fingerprint.ts'
import { whyWeakModulus } from '../../lib/iam/signature/weakModulus.ts'
import { rsaKey } from './signer.ts'

function keyOf(modulus: bigint) {
  const hex = modulus.toString(16)
  const n = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
  return createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' })
}

/** With the two highest bits set, so that products have the sum of the bits. */
function primeOf(bits: number): bigint {
  for (;;) {
    const prime = generatePrimeSync(bits, { bigint: true })
    if (prime >> BigInt(bits - 2) === 3n) return prime
  }
}

function nextPrime(after: bigint): bigint {
  let next = after + 2n
  while (!checkPrimeSync(next)) next += 2n
  return next
}

const prime = primeOf(1024)
const known = (name: string) => BigInt(`0x${getDiffieHellman(name).getPrime('hex')}`)
/** The largest prime below the bound of the trial division, and one above. */
const [tried, untried] = [9973n, 10_007n]
const withFactor = (factor: bigint) => factor * primeOf(1024) * primeOf(1024)

test.each<[string, bigint, string]>([
  ['an even modulus', prime * primeOf(1023) * 2n, 'has an even modulus'],
  ['a modulus with the factor 3', withFactor(3n), 'has a modulus that 3 divides'],
  ['a modulus with a factor of four digits', withFactor(tried), 'has a modulus that 9973 divides'],
  ['the square of a prime', prime * prime, 'has a modulus whose two factors are next to each other'],
  ['two primes in a row', prime * nextPrime(prime), 'has a modulus whose two factors are next to each other'],
  ['a prime of 2048 bits', known('modp14'), 'has a modulus that is a prime, not the product of two'],
  ['a prime of 8192 bits', known('modp18'), 'has a modulus that is a prime, not the product of two'],
])('a key of %s is refused, and it is said why', (_what, modulus, why) => {
  const text = keyOf(modulus).export({ type: 'spki', format: 'pem' }) as string
  expect(() => readApiPublicKey(text)).toThrow(
    expect.objectContaining({
      code: 'invalidParameter',
      message: expect.stringContaining(`this one ${why}, so that anybody can work out its private key.`) as string,
    }) as Error,
  )
})

test('a key as one makes it is taken, and so is one that no cheap way leads to', () => {
  expect(whyWeakModulus(rsaKey.publicKey)).toBeUndefined()
  expect(whyWeakModulus(keyOf(prime * primeOf(1024)))).toBeUndefined()
  expect(whyWeakModulus(keyOf(withFactor(untried)))).toBeUndefined()
  expect(whyWeakModulus(keyOf(primeOf(2048) * primeOf(2048)))).toBeUndefined()
})
