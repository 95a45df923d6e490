import { createPublicKey, type KeyObject } from 'node:crypto'
import { textFromBytes } from '../../textFromBytes.ts'
import type { Hsm, RegionStatement } from '../../hsm/hsm.ts'
import { LruCache } from '../../lruCache.ts'
import { concatenated, derOf } from './ecdsaForms.ts'
import { parseJson } from '../../parseJson.ts'

/**
 * Session tokens: JWTs by which a caller signs with a key of their own making for a while. The region's identity key signs
 * them (ES384); its statement, which the tenancy's root signed, travels in the header, so that every region of the tenancy
 * can check them by itself, whichever made them.
 */

const format = 'vaultspan/session/1'
/** Room for the rest of an Authorization header, which has at most 8192 characters. */
export const maxSessionToken = 7000

/** What a token says. `jwk` is where OCI's own tokens have the session's public key (contract §8.1), as JSON text. */
export interface SessionClaims {
  readonly format: typeof format
  /** The region that made it. */
  readonly iss: string
  readonly tenant: string
  /** The OCID of a user, or of a workload (lib/iam/oidc/workload.ts). */
  readonly sub: string
  readonly jti: string
  /** Unix seconds. */
  readonly iat: number
  readonly exp: number
  readonly jwk: string
  readonly holder: UserHolder | WorkloadHolder
}

/** Whoever signed with an API key: the session ends with that upload of it. */
export interface UserHolder {
  readonly kind: 'user'
  readonly fingerprint: string
  /** The API key's; tokens of earlier versions have none. */
  readonly etag?: string
}

/** Whoever showed an OIDC token: the session ends with the issuer. */
export interface WorkloadHolder {
  readonly kind: 'workload'
  readonly name: string
  readonly trustedIssuerId: string
  readonly variables: Readonly<Record<string, string | readonly string[]>>
}

/** A token whose signature has been verified; whether it is still good is asked at each use. */
export interface Session {
  readonly claims: SessionClaims
  readonly publicKey: KeyObject
}

type NewSession = Omit<SessionClaims, 'format' | 'iss' | 'jwk'> & { readonly publicKey: KeyObject }

type Signer = Pick<Hsm, 'region' | 'sign' | 'statement'>

export async function sessionToken(hsm: Signer, { publicKey, ...rest }: NewSession): Promise<string> {
  const { kty, n, e } = publicKey.export({ format: 'jwk' })
  const claims: SessionClaims = { format, iss: hsm.region, ...rest, jwk: JSON.stringify({ kty, n, e }) }
  const header = { alg: 'ES384', typ: 'JWT', statement: hsm.statement(rest.tenant) }
  const text = `${encoded(header)}.${encoded(claims)}`
  // INVARIANT: base64url of an object begins with `eyJ`: no message, row or proof, which all are JSON, has the same bytes.
  const signature = concatenated(await hsm.sign(Buffer.from(text)))
  return `${text}.${signature.toString('base64url')}`
}

interface Verified extends Session {
  readonly token: string
}

/** Tokens that were verified before, by their signatures: callers come again and again. */
export class SessionTokens {
  readonly #hsm: Pick<Hsm, 'isSignedBy'>
  readonly #verified = new LruCache<Verified>(1_000)

  constructor({ hsm }: { readonly hsm: Pick<Hsm, 'isSignedBy'> }) {
    this.#hsm = hsm
  }

  /** One of those verified before, by all its characters. */
  known(token: string): Session | undefined {
    const found = this.#verified.get(token.slice(-tailLength))
    return found?.token === token ? found : undefined
  }

  /** Undefined where it is no token, or none that a region of its tenancy made. */
  async verified(token: string): Promise<Session | undefined> {
    const parts = token.length <= maxSessionToken ? form.exec(token)?.groups : undefined
    const { head = '', body = '', signature = '' } = parts ?? {}
    const header = decoded(head)
    const claims = decoded(body)
    // The algorithm is ours to choose, not the token's.
    if (header?.['alg'] !== 'ES384' || !isClaims(claims)) return undefined
    const statement = statementIn(header['statement'])
    if (statement?.tenancyId !== claims.tenant || statement.region !== claims.iss) return undefined
    const der = derOf(Buffer.from(signature, 'base64url'))
    if (!(await this.#hsm.isSignedBy(statement, Buffer.from(`${head}.${body}`), der))) return undefined
    const publicKey = createPublicKey({ key: parseJson(claims.jwk) as Record<string, string>, format: 'jwk' })
    const session = { token, claims, publicKey }
    this.#verified.set(token.slice(-tailLength), session)
    return session
  }
}

/** Which tenancy and holder a token names, which nothing has proved: for the audit of a refusal. */
export function claimedBy(token: string): Pick<SessionClaims, 'tenant' | 'sub'> | undefined {
  const [, body = ''] = token.length <= maxSessionToken ? token.split('.') : []
  const { tenant, sub } = decoded(body) ?? {}
  return typeof tenant === 'string' && typeof sub === 'string' ? { tenant, sub } : undefined
}

/** Characters of its signature by which a token is looked up: 24 bytes that nobody chooses, and short to hash. */
const tailLength = 32
/** A signature is 96 bytes as base64url, which has no second spelling of them: 96 is a multiple of 3. */
const form = /^(?<head>[A-Za-z0-9_-]+)\.(?<body>[A-Za-z0-9_-]+)\.(?<signature>[A-Za-z0-9_-]{128})$/

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decoded(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = parseJson(textFromBytes(Buffer.from(text, 'base64url')) ?? '')
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}

/** INVARIANT: what a region signed in this format is of this type; until that is verified only these members are touched. */
function isClaims(value: object | undefined): value is SessionClaims {
  const { format: given, tenant, iss } = (value ?? {}) as Partial<Record<keyof SessionClaims, unknown>>
  return given === format && typeof tenant === 'string' && typeof iss === 'string'
}

const membersOfStatement = ['format', 'realm', 'tenancyId', 'region', 'publicKey', 'signature'] as const

/** A stranger's JSON may be anything: what is looked at further is a statement's own members, each a text. */
function statementIn(value: unknown): RegionStatement | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const given = value as Readonly<Record<string, unknown>>
  const members = membersOfStatement.map((name) => [name, given[name]] as const)
  if (!members.every(([, text]) => typeof text === 'string')) return undefined
  return Object.fromEntries(members) as unknown as RegionStatement
}
