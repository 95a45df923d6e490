import { createPublicKey, type KeyObject } from 'node:crypto'
import { KmsError } from '../errors.ts'
import { minKeyBits } from './apiPublicKey.ts'

/** Public keys of an issuer of tokens (RFC 7517), of those kinds that its tokens may be signed with. */
export interface JwkSet {
  readonly keys: readonly Jwk[]
}
export type Jwk = Readonly<Record<string, string>>

export const maxKeys = 20

/** Of each kind of key what makes it, all public. A symmetric key is none: whoever knows it can make tokens. */
const members = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
} as const satisfies Record<string, readonly string[]>
const alsoKept = ['kid', 'alg', 'use'] as const
const secrets = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const

/**
 * A set as somebody pins it: every key of it must be usable.
 * @throws KmsError invalidParameter, saying what is wrong.
 */
export function requireJwkSet(value: unknown): JwkSet {
  const keys = listOf(value)
  if (keys === undefined) throw noSet('has no list "keys"')
  if (keys.length === 0 || keys.length > maxKeys) throw noSet(`has ${keys.length} keys; 1 to ${maxKeys} are taken`)
  return { keys: keys.map((key, index) => usable(key, index + 1)) }
}

/** A set as an issuer publishes it: what cannot be used is left out. */
export function usableKeys(value: unknown): JwkSet {
  return {
    keys: (listOf(value) ?? [])
      .slice(0, maxKeys)
      .map(readable)
      .filter((key) => key !== undefined),
  }
}

function usable(key: unknown, number: number): Jwk {
  if (typeof key === 'object' && key !== null && secrets.some((name) => name in key)) {
    throw noSet(`holds a secret in key ${number}; send public keys alone. Nothing was stored`)
  }
  const read = readable(key)
  if (read !== undefined) return read
  throw noSet(`has no public key of RSA (${minKeyBits} bits or more), EC or OKP at place ${number}`)
}

function readable(value: unknown): Jwk | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const given = value as Readonly<Record<string, unknown>>
  const kty = given['kty']
  if (typeof kty !== 'string' || !Object.hasOwn(members, kty)) return undefined
  const names = ['kty', ...members[kty as keyof typeof members], ...alsoKept]
  const kept = names.filter((name) => typeof given[name] === 'string').map((name) => [name, given[name]])
  const jwk = Object.fromEntries(kept) as Jwk
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return undefined
  return isLongEnough(keyIn(jwk)) ? jwk : undefined
}

function keyIn(jwk: Jwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}

function isLongEnough(key: KeyObject | undefined): boolean {
  if (key === undefined) return false
  const bits = key.asymmetricKeyDetails?.modulusLength
  return bits === undefined || bits >= minKeyBits
}

function listOf(value: unknown): readonly unknown[] | undefined {
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined
  return Array.isArray(keys) ? keys : undefined
}

function noSet(what: string): KmsError {
  return new KmsError('invalidParameter', `jwks must be a JWK set, {"keys": […]}; this one ${what}.`)
}
