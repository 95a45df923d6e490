import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import { textFromBytes } from '../../textFromBytes.ts'
import { KmsError } from '../../errors.ts'
import type { RefusalReason } from '../../refusalReasons.ts'
import { parseUniqueJson, RepeatedMember } from '../../parseUniqueJson.ts'
import { foldCase } from '../foldCase.ts'
import type { JwkSet } from './jwkSet.ts'

/** Signatures with private keys alone: a token that says `none`, or HS256 with a public key for the secret, is none. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
export const maxOidcToken = 7000
/** By so much an issuer's clock may be before ours. */
const toleranceSeconds = 60
/** So long a token is taken behind its end: while it travels. */
const endedSeconds = 5
/** From `iat` to `exp`: those of the platforms live for minutes or hours, and of one without an end nobody could be rid. */
const maxLifeSeconds = 24 * 3600

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
    await jwtVerify(token, set, options)
    return accepted(token, expected.now)
  } catch (cause) {
    if (!(cause instanceof errors.JWKSMultipleMatchingKeys)) return refused(cause)
    let last: Judged = refused(cause)
    for await (const key of cause) {
      try {
        await jwtVerify(token, key, options)
        return accepted(token, expected.now)
      } catch (next) {
        last = refused(next)
        if (!(next instanceof errors.JWSSignatureVerificationFailed)) return last
      }
    }
    return last
  }
}

/** Of what its issuer has signed: a subject by which its holder can be told from others, now, and each claim once. */
function accepted(token: string, now: number): Judged {
  let claims: Claims
  try {
    claims = parseUniqueJson(textFromBytes(Buffer.from(token.split('.')[1] ?? '', 'base64url')) ?? '') as Claims
  } catch (cause) {
    if (cause instanceof RepeatedMember) return repeated(cause.member)
    // jose takes a byte order mark for none.
    return refusal("The token's claims are not JSON in UTF-8.", 'claims')
  }
  const twice = Object.keys(claims).find((name, at, all) => all.findIndex(isSameAs(name)) < at)
  if (twice !== undefined) return repeated(twice)
  const untimely = whyUntimely(claims, now / 1000)
  if (untimely !== undefined) return untimely
  const isNamed = typeof claims['sub'] === 'string' && claims['sub'] !== ''
  return isNamed ? { claims } : refusal("The token's subject (sub) must be a text.", 'sub')
}

/** Policies ask for claims whatever the case. */
function isSameAs(name: string): (other: string) => boolean {
  const folded = foldCase(name)
  return (other) => foldCase(other) === folded
}

function repeated(claim: string): Judged {
  return refusal('The token has a claim twice, maybe in another case; which of them counts, nobody could say.', claim)
}

/** INVARIANT: jose has found `iat` and `exp` to be numbers, and judged `nbf`. It judges no `iat`. */
function whyUntimely(claims: Claims, now: number): Judged | undefined {
  const [iat, exp] = [Number(claims['iat']), Number(claims['exp'])]
  if (exp <= now - endedSeconds) return refusal(endedText, 'exp')
  if (iat > now + toleranceSeconds) return refusal(notYetText('iat'), 'iat')
  if (exp - iat <= maxLifeSeconds) return undefined
  return refusal('The token is good for more than a day (from iat to exp); have its issuer make a shorter one.', 'exp')
}

const endedText = "The token's time (exp) is over; get a new one from its issuer."
const notYetText = (claim: string) => `The token is not good yet (${claim}); is a clock wrong?`

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
    return refusal(endedText, 'exp')
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
  if (claim === 'nbf') return notYetText(claim)
  return `The token's claim ${claim} is not what it must be.`
}
