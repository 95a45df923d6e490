import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import { KmsError } from '../errors.ts'
import type { RefusalReason } from '../refusalReasons.ts'
import type { JwkSet } from './jwkSet.ts'

/** Signatures with private keys alone: a token that says `none`, or HS256 with a public key for the secret, is none. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
export const maxOidcToken = 7000
/** Clocks of issuers and ours. */
const toleranceSeconds = 60

export interface Expected {
  readonly issuer: string
  readonly audience: string
  /** Unix milliseconds. */
  readonly now: number
}

export type Claims = Readonly<Record<string, unknown>>
/** `unknownKey`: none of these keys made it, but the issuer may have newer ones. */
export type Judged = { readonly claims: Claims } | { readonly refusal: KmsError; readonly isUnknownKey: boolean }

/** The issuer that a token names, which nothing has proved. */
export function issuerNamedIn(token: string): string | undefined {
  try {
    return token.length <= maxOidcToken ? decodeJwt(token).iss : undefined
  } catch {
    return undefined
  }
}

/** Signature first: of a token that nobody vouches for nothing is said but that. */
export async function judgeOidcToken(token: string, jwks: JwkSet, expected: Expected): Promise<Judged> {
  const set = createLocalJWKSet({ keys: [...jwks.keys] })
  const options = {
    algorithms,
    issuer: expected.issuer,
    audience: expected.audience,
    clockTolerance: toleranceSeconds,
    currentDate: new Date(expected.now),
    requiredClaims: ['exp', 'sub', 'iat'],
  }
  try {
    return named((await jwtVerify(token, set, options)).payload)
  } catch (cause) {
    if (!(cause instanceof errors.JWKSMultipleMatchingKeys)) return refused(cause)
    let last: Judged = refused(cause)
    for await (const key of cause) {
      try {
        return named((await jwtVerify(token, key, options)).payload)
      } catch (next) {
        last = refused(next)
        if (!(next instanceof errors.JWSSignatureVerificationFailed)) return last
      }
    }
    return last
  }
}

/** A subject by which its holder can be told from others. */
function named(claims: Claims): Judged {
  const isNamed = typeof claims['sub'] === 'string' && claims['sub'] !== ''
  return isNamed ? { claims } : refusal("The token's subject (sub) must be a text.", 'sub')
}

/** What no trusted issuer has signed, whatever is wrong with it. */
export function notVouchedFor(reason: RefusalReason): KmsError {
  return new KmsError(
    'notAuthenticated',
    'No trusted issuer of this tenancy vouches for this token: its issuer (iss) must be one of theirs, and its signature by a key of that issuer.',
    { reason },
  )
}

function refused(cause: unknown): Judged {
  // What Web Crypto says of a key that it cannot use, which is nobody's but the issuer's.
  if (!(cause instanceof errors.JOSEError)) {
    return { refusal: notVouchedFor({ name: 'oidcTokenNotSigned', why: 'its key is of no use' }), isUnknownKey: false }
  }
  if (cause instanceof errors.JWTExpired) {
    return refusal("The token's time (exp) is over; get a new one from its issuer.", 'exp')
  }
  if (cause instanceof errors.JWTClaimValidationFailed) return refusal(claimText(cause), cause.claim)
  const isUnknownKey = cause instanceof errors.JWKSNoMatchingKey
  return { refusal: notVouchedFor({ name: 'oidcTokenNotSigned', why: cause.code }), isUnknownKey }
}

function refusal(message: string, what: string): Judged {
  const reason = { name: 'oidcTokenRefused', what } as const
  return { refusal: new KmsError('notAuthenticated', message, { reason }), isUnknownKey: false }
}

function claimText({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing')
    return `The token lacks the claim ${claim}; session tokens are for tokens with exp, iat and sub.`
  if (claim === 'aud') return "The token's audience (aud) is not the one that the trusted issuer was made with."
  if (claim === 'nbf' || claim === 'iat') return `The token is not good yet (${claim}); is a clock wrong?`
  return `The token's claim ${claim} is not what it must be.`
}
