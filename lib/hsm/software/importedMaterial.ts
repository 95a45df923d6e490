import { checkPrime, createPublicKey, type KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { KeyShape } from '../hsm.ts'
import { bitLength, ClearableNumbers, compare } from '../primitives/clearableNumbers.ts'
import { publicKeyPem } from '../primitives/p384.ts'
import { keyFromMaterial, type Material } from './material.ts'

const isPrime = promisify<Uint8Array, boolean>(checkPrime)
const SEQUENCE = 0x30

/**
 * What callers may bring: raw AES bytes, or a consistent RSA key as PKCS#8 DER. Undefined for anything else. The caller
 * fills `secret` with zeros; the material of an RSA key is encoded anew, so that what is kept is what was checked.
 */
export async function importedMaterial(shape: KeyShape, secret: Buffer): Promise<Material | undefined> {
  // No key object is made of an AES key: its copy would stay until it is collected.
  if (shape.algorithm === 'AES') return secret.length === shape.length ? { secret } : undefined
  const key = keyFromMaterial(shape, secret)
  if (key === undefined) return undefined
  // OpenSSL ignores what comes after the outer sequence.
  const isAccepted = isWholeSequence(secret) && key.asymmetricKeyType === 'rsa' && (await isConsistent(key))
  if (!isAccepted) return undefined
  return { secret: key.export({ type: 'pkcs8', format: 'der' }), publicKey: publicKeyPem(createPublicKey(key)) }
}

/**
 * Two primes of half the modulus's length and the numbers that follow from them. A signature would prove none of it:
 * OpenSSL takes another way where one number is wrong. Neither texts nor BigInts are made of them: nobody can overwrite those.
 */
async function isConsistent(key: KeyObject): Promise<boolean> {
  const der = key.export({ type: 'pkcs1', format: 'der' })
  const numbers = new ClearableNumbers()
  try {
    const [version, n, e, d, p, q, dp, dq, qInverse] = integersOf(der)
    if (!version || !n || !e || !d || !p || !q || !dp || !dq || !qInverse) return false
    const half = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 2
    const parts = { n, e, d, p, q, dp, dq, qInverse }
    return (
      version.every((byte) => byte === 0) && // any other has more than two primes
      isPublicExponent(key.asymmetricKeyDetails?.publicExponent ?? 0n) &&
      (await areConsistent(numbers, half, parts)) &&
      (await isPrime(p)) &&
      (await isPrime(q))
    )
  } finally {
    numbers.clear()
    der.fill(0)
  }
}

type Parts = Readonly<Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qInverse', Buffer>>

/** The event loop has a turn between two divisions. */
async function areConsistent(numbers: ClearableNumbers, half: number, parts: Parts): Promise<boolean> {
  const [n, e, d, p, q] = [parts.n, parts.e, parts.d, parts.p, parts.q].map((part) => numbers.of(part))
  const [dp, dq, qInverse, one] = [parts.dp, parts.dq, parts.qInverse, ONE].map((part) => numbers.of(part))
  if (!n || !e || !d || !p || !q || !dp || !dq || !qInverse || !one) return false
  if (bitLength(p) !== half || bitLength(q) !== half || compare(qInverse, p) >= 0) return false
  if (compare(numbers.product(p, q), n) !== 0) return false
  const de = numbers.product(d, e)
  const [lessP, lessQ] = [numbers.lessOne(p), numbers.lessOne(q)]
  for (const [number, modulus, rest] of [
    [de, lessP, one],
    [de, lessQ, one],
    [d, lessP, dp],
    [d, lessQ, dq],
    [numbers.product(qInverse, q), p, one],
  ] as const) {
    if (compare(numbers.remainder(number, modulus), rest) !== 0) return false
    await setImmediate()
  }
  return true
}

const ONE = Buffer.from([1])

/** Odd, at least 3, and of 64 bits at most: OpenSSL verifies with no longer one where the modulus is long. */
function isPublicExponent(e: bigint): boolean {
  return e >= 3n && e % 2n === 1n && e < 1n << 64n
}

/** The numbers in a sequence of them, as OpenSSL wrote it: parts of these very bytes. */
function integersOf(der: Buffer): Buffer[] {
  const integers: Buffer[] = []
  for (let at = bodyOf(der, 0).start; at < der.length;) {
    const { start, end } = bodyOf(der, at)
    integers.push(der.subarray(start, end))
    at = end
  }
  return integers
}

function isWholeSequence(der: Buffer): boolean {
  return der[0] === SEQUENCE && bodyOf(der, 0).end === der.length
}

/** Where the value of the element at `at` begins and ends. */
function bodyOf(der: Buffer, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0
  if (first < 0x80) return { start: at + 2, end: at + 2 + first }
  const start = at + 2 + (first & 0x7f)
  const length = der.subarray(at + 2, start).reduce((total, byte) => total * 256 + byte, 0)
  return { start, end: start + length }
}
