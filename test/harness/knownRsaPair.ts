import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RsaGenerator } from '../../lib/hsm/software/material.ts'
import { rsaNumbers, type RsaNumbers } from '../hsm/contract/rsaNumbers.ts'

interface Factors {
  readonly p: string
  readonly q: string
  readonly qInverse: string
}

type Pair = { readonly secret: Buffer; readonly publicKey: string }

const file = join(import.meta.dirname, '..', 'fixtures', 'rsaFactors.json')
const factors = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, readonly Factors[]>>
const made = new Map<number, number>()
const pairs = new Map<Factors, Pair>()

/**
 * An RSA pair from a fixture, one after the other and then from the start again: a fresh RSA-4096 pair costs a second of a
 * core. The HSM's own contract makes fresh ones.
 */
export const knownRsaPair: RsaGenerator = async (modulusLength) => {
  const known = factors[modulusLength] ?? []
  const turn = made.get(modulusLength) ?? 0
  made.set(modulusLength, turn + 1)
  const chosen = known[turn % known.length]
  if (chosen === undefined) throw new Error(`The fixture has no RSA pair of ${modulusLength} bits.`)
  const pair = pairs.get(chosen) ?? pairOf(chosen)
  pairs.set(chosen, pair)
  // A copy, because whoever asked fills it with zeros.
  return { secret: Buffer.from(pair.secret), publicKey: pair.publicKey }
}

/** A pair of the fixture, the last, for who signs requests or is sent a key: vaults' keys are made of the first ones. */
export function knownCallersKey(modulusLength = 2048): {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
} {
  const chosen = factors[modulusLength]?.at(-1)
  if (chosen === undefined) throw new Error(`The fixture has no RSA pair of ${modulusLength} bits.`)
  const privateKey = privateKeyOf(chosen)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

function privateKeyOf({ p, q, qInverse }: Factors): KeyObject {
  const numbers = rsaNumbers(numberOf(p), numberOf(q), undefined, numberOf(qInverse))
  if (numbers === undefined) throw new Error('The fixture has factors of no RSA key.')
  return createPrivateKey({ key: jwkOf(numbers), format: 'jwk' })
}

function pairOf(chosen: Factors): Pair {
  const privateKey = privateKeyOf(chosen)
  return {
    secret: privateKey.export({ type: 'pkcs8', format: 'der' }),
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString(),
  }
}

function jwkOf({ n, e, d, p, q, dp, dq, qInverse }: RsaNumbers) {
  const members = { n, e, d, p, q, dp, dq, qi: qInverse }
  const texts = Object.entries(members).map(([name, value]) => [name, textOf(value)] as const)
  return { kty: 'RSA', ...Object.fromEntries(texts) }
}

function numberOf(text: string): bigint {
  return BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
}

function textOf(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}
