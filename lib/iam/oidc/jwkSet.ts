import { createPublicKey, type KeyObject } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import { isApiPublicKey, minKeyBits } from '../signature/apiPublicKey.ts'
import { whyUnfitRsaKey } from '../signature/unfitRsaKey.ts'

/** Public keys of an issuer of tokens (RFC 7517), of those kinds that its tokens may be signed with. */
export interface JwkSet {
  readonly keys: readonly Jwk[]
}
export type Jwk = Readonly<Record<string, string>>

export const maxKeys = 20
/** No issuer uses longer ones, and twenty of these already take a second to judge. */
const maxRsaBits = 4096
/** The curves of the algorithms that tokens are signed with (oidcToken.ts). */
const curves = { EC: ['P-256', 'P-384', 'P-521'], OKP: ['Ed25519'] } as const satisfies Record<
  string,
  readonly string[]
>

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
  return usableBy(value, whyUnfit)
}

/**
 * A set that was pinned, maybe when less was asked of it: what cannot be used is left out. As with API keys, what is stored is
 * not asked again whether its modulus is weak.
 */
export function pinnedKeys(value: unknown): JwkSet {
  return usableBy(value, (key, jwk) => {
    if (key.asymmetricKeyType === 'rsa') return isApiPublicKey(key) ? undefined : 'is unfit'
    return whyUnfit(key, jwk)
  })
}

type Judge = (key: KeyObject, jwk: Jwk) => string | undefined

function usableBy(value: unknown, judge: Judge): JwkSet {
  const read = (listOf(value) ?? []).slice(0, maxKeys).map((key) => readable(key, judge))
  return { keys: read.flatMap((each) => ('jwk' in each ? [each.jwk] : [])) }
}

function usable(key: unknown, number: number): Jwk {
  if (typeof key === 'object' && key !== null && secrets.some((name) => name in key)) {
    throw noSet(`holds a secret in key ${number}; send public keys alone. Nothing was stored`)
  }
  const read = readable(key, whyUnfit)
  if ('jwk' in read) return read.jwk
  throw noSet(`cannot be used, because key ${number} ${read.why}; ${taken}`)
}

const taken = `public keys of RSA (${minKeyBits} to ${maxRsaBits} bits), EC (${curves.EC.join(', ')}) and OKP (${curves.OKP[0]}) are taken`

function readable(value: unknown, judge: Judge): { readonly jwk: Jwk } | { readonly why: string } {
  if (typeof value !== 'object' || value === null) return { why: 'is no object' }
  const given = value as Readonly<Record<string, unknown>>
  const kty = given['kty']
  if (typeof kty !== 'string' || !Object.hasOwn(members, kty)) return { why: 'is no key of these kinds' }
  const names = ['kty', ...members[kty as keyof typeof members], ...alsoKept]
  const kept = names.filter((name) => typeof given[name] === 'string').map((name) => [name, given[name]])
  const jwk = Object.fromEntries(kept) as Jwk
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return { why: 'is not for signatures (use)' }
  const key = keyIn(jwk)
  if (key === undefined) return { why: 'is no public key' }
  const why = judge(key, jwk)
  return why === undefined ? { jwk } : { why }
}

function keyIn(jwk: Jwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** As an API key is judged: whoever can sign with it could make this issuer's tokens. */
function whyUnfit(key: KeyObject, { kty, crv = '' }: Jwk): string | undefined {
  if (kty === 'RSA') return whyUnfitRsaKey(key, maxRsaBits)
  const known: readonly string[] = kty === 'EC' ? curves.EC : curves.OKP
  return known.includes(crv) ? undefined : 'is of a curve that no algorithm of tokens has'
}

function listOf(value: unknown): readonly unknown[] | undefined {
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined
  return Array.isArray(keys) ? keys : undefined
}

function noSet(what: string): KmsError {
  return new KmsError('invalidParameter', `jwks must be a JWK set, {"keys": […]}; this one ${what}.`)
}
