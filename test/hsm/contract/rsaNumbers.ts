import { createPrivateKey, generatePrimeSync } from 'node:crypto'

/** RSA keys built from their numbers, so that a test can get one of them wrong. */
export interface RsaNumbers {
  readonly n: bigint
  readonly e: bigint
  readonly d: bigint
  readonly p: bigint
  readonly q: bigint
  readonly dp: bigint
  readonly dq: bigint
  readonly qInverse: bigint
}

/**
 * What follows from two factors, prime or not; undefined where the exponent has no inverse. The inverse of `q` is what costs
 * most of it: whoever knows it gives it.
 */
export function rsaNumbers(p: bigint, q: bigint, e = 65537n, qInverse = inverse(q, p)): RsaNumbers | undefined {
  const d = inverse(e, (p - 1n) * (q - 1n))
  if (d === undefined || qInverse === undefined) return undefined
  return { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qInverse }
}

/** Draws until the modulus has exactly 2048 bits. */
export function rsa2048Numbers(e?: bigint, p = () => aPrime(1024), q = () => aPrime(1024)): RsaNumbers {
  for (;;) {
    const numbers = rsaNumbers(p(), q(), e)
    if (numbers !== undefined && numbers.n >> 2047n === 1n) return numbers
  }
}

export function aPrime(bits: number): bigint {
  return generatePrimeSync(bits, { bigint: true })
}

/** Of an existing key, whatever its size. */
export function numbersOf(pkcs8: Buffer): RsaNumbers {
  const jwk = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' })
  const number = (text = '') => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
  const { n, e, d, p, q, dp, dq, qi } = jwk
  return {
    ...{ n: number(n), e: number(e), d: number(d), p: number(p), q: number(q) },
    ...{ dp: number(dp), dq: number(dq), qInverse: number(qi) },
  }
}

/** PKCS#8 DER, unencrypted. */
export function rsaPkcs8({ n, e, d, p, q, dp, dq, qInverse }: RsaNumbers): Buffer {
  const key = element(0x30, ...[0n, n, e, d, p, q, dp, dq, qInverse].map(integer))
  return element(0x30, integer(0n), Buffer.from('300d06092a864886f70d0101010500', 'hex'), element(0x04, key))
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16)
  const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  return element(0x02, (digits[0] ?? 0) > 127 ? Buffer.from([0]) : Buffer.alloc(0), digits)
}

function element(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

function inverse(value: bigint, modulus: bigint): bigint | undefined {
  let [previous, current] = [modulus, value % modulus]
  let [before, factor] = [0n, 1n]
  while (current !== 0n) {
    const quotient = previous / current
    ;[previous, current] = [current, previous % current]
    ;[before, factor] = [factor, before - quotient * factor]
  }
  return previous === 1n ? ((before % modulus) + modulus) % modulus : undefined
}
