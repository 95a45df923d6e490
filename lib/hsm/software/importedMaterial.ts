import { checkPrime, createPublicKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyShape } from '../hsm.ts'
import { publicKeyPem } from '../primitives/p384.ts'
import { keyFromMaterial, type Material } from './material.ts'

const isPrime = promisify<Uint8Array, boolean>(checkPrime)
const SEQUENCE = 0x30

/**
 * What callers may bring: raw AES bytes, or a consistent RSA key as PKCS#8 DER. Undefined for anything else. The caller
 * fills `secret` with zeros; the material of an RSA key is encoded anew, so that what is kept is what was checked.
 */
export async function importedMaterial(shape: KeyShape, secret: Buffer): Promise<Material | undefined> {
  const key = keyFromMaterial(shape, secret)
  if (key === undefined) return undefined
  if (shape.algorithm === 'AES') return { secret }
  // OpenSSL ignores what comes after the outer sequence.
  const isAccepted = isWholeSequence(secret) && key.asymmetricKeyType === 'rsa' && (await isConsistent(key))
  if (!isAccepted) return undefined
  return { secret: key.export({ type: 'pkcs8', format: 'der' }), publicKey: publicKeyPem(createPublicKey(key)) }
}

/**
 * Two primes of half the modulus's length and the numbers that follow from them. A signature would prove none of it:
 * OpenSSL takes another way where one number is wrong. JavaScript's numbers cannot be overwritten after use, which
 * is why this runs once in a key's life.
 */
async function isConsistent(key: KeyObject): Promise<boolean> {
  const der = key.export({ type: 'pkcs1', format: 'der' })
  try {
    const integers = integersOf(der)
    const [version, n = 0n, e = 0n, d = 0n, p = 0n, q = 0n, dp, dq, qInverse = 0n] = integers.map(numberOf)
    const [first, second] = integers.slice(4)
    const half = BigInt((key.asymmetricKeyDetails?.modulusLength ?? 0) / 2)
    return (
      version === 0n && // any other has more than two primes
      isPublicExponent(e) &&
      p >> (half - 1n) === 1n &&
      q >> (half - 1n) === 1n &&
      p * q === n &&
      (d * e) % (p - 1n) === 1n &&
      (d * e) % (q - 1n) === 1n &&
      d % (p - 1n) === dp &&
      d % (q - 1n) === dq &&
      qInverse < p &&
      (qInverse * q) % p === 1n &&
      // As bytes: of a number Node would make a text and a copy that nobody clears.
      (await isPrime(first ?? der)) &&
      (await isPrime(second ?? der))
    )
  } finally {
    der.fill(0)
  }
}

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

function numberOf(integer: Buffer): bigint {
  return BigInt(`0x${integer.toString('hex')}`)
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
