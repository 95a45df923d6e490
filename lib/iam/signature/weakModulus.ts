import { constants, createPublicKey, publicEncrypt, type KeyObject } from 'node:crypto'

const largestDivisor = 10_000
const fermatRounds = 100
/** Bits of the exponent at a time: OpenSSL allows exponents of 64 bits at most under a modulus of more than 3072. */
const stepBits = 12

/**
 * Why anybody could work out the private key of an RSA key from its modulus; undefined where none of the cheap ways leads
 * there. For an upload, not for every request: at 8192 bits it takes as long as some hundred verifications.
 */
export function whyWeakModulus(key: KeyObject): string | undefined {
  const bytes = Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url')
  const modulus = toBigInt(bytes)
  if (modulus % 2n === 0n) return 'has an even modulus'
  const divisor = smallPrimes().find((prime) => modulus % BigInt(prime) === 0n)
  if (divisor !== undefined) return `has a modulus that ${divisor} divides`
  if (haveNearFactors(modulus)) return 'has a modulus whose two factors are next to each other'
  if (isPrime(modulus, bytes.length)) return 'has a modulus that is a prime, not the product of two'
  return undefined
}

function smallPrimes(): readonly number[] {
  const isComposite = new Uint8Array(largestDivisor)
  const primes: number[] = []
  for (let n = 2; n < largestDivisor; n += 1) {
    if (isComposite[n] === 1) continue
    primes.push(n)
    for (let multiple = n * n; multiple < largestDivisor; multiple += n) isComposite[multiple] = 1
  }
  return primes
}

/** Fermat's way: n = a² - b² for an a just above the root of n. A square is found too, with b = 0. */
function haveNearFactors(n: bigint): boolean {
  const root = floorRoot(n)
  const first = root * root === n ? root : root + 1n
  for (let a = first; a < first + BigInt(fermatRounds); a += 1n) {
    const rest = a * a - n
    const b = floorRoot(rest)
    if (b * b === rest) return true
  }
  return false
}

function floorRoot(n: bigint): bigint {
  if (n < 2n) return n
  let root = 1n << BigInt((n.toString(16).length * 4 + 1) >> 1)
  for (;;) {
    const next = (root + n / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/**
 * Whether 2^(n-1) mod n is 1, as for every prime. Not `checkPrime`: it repeats itself over a prime until no doubt is left,
 * which at 8192 bits takes half a minute. The powers are those of OpenSSL, under n as if it were a key's.
 */
function isPrime(n: bigint, length: number): boolean {
  const [step, digitsAt] = [1n << BigInt(stepBits), BigInt(stepBits)]
  const jwk = { kty: 'RSA', n: toBytes(n, length).toString('base64url'), e: toBytes(step, 2).toString('base64url') }
  const raised = { key: createPublicKey({ key: jwk, format: 'jwk' }), padding: constants.RSA_NO_PADDING }
  const digits: bigint[] = []
  for (let rest = n - 1n; rest > 0n; rest >>= digitsAt) digits.unshift(rest & (step - 1n))
  let power = 1n
  for (const digit of digits) power = (toBigInt(publicEncrypt(raised, toBytes(power, length))) << digit) % n
  return power === 1n
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString('hex')}`)
}

function toBytes(n: bigint, length: number): Buffer {
  return Buffer.from(n.toString(16).padStart(length * 2, '0'), 'hex')
}
