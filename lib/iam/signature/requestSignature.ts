import { hash, type KeyObject, verify } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import type { RefusalReason } from '../../refusalReasons.ts'
import { isApiPublicKey } from './apiPublicKey.ts'
import { parseAuthorizationHeader } from './authorizationHeader.ts'
import { parseHttpDate } from './httpDate.ts'
import { readSignedHeaders, requestTarget, unsignedHeaders, type SignedHeaders } from './signedHeaders.ts'

/** A request as it came over the wire. */
export interface SignedRequest {
  readonly method: string
  /** Path and query exactly as on the wire. */
  readonly target: string
  /** Other spellings of the same target the client may have signed (signedTargets.ts); tried in order after `target`. */
  readonly alternativeTargets?: readonly string[]
  /** Names in lower case; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** What a request claims: that the holder of `keyId` signed `signingString`. Nothing is proved before `isSignedBy`. */
export interface RequestSignature {
  readonly keyId: string
  readonly signingString: string
  readonly alternativeSigningStrings: readonly string[]
  readonly signature: Buffer
  /** A signed date outside the range, as sent: told to whoever can sign, and to nobody else. */
  readonly skewedDate: string | undefined
  /** Lower-case names of what is signed. */
  readonly headers: readonly string[]
}

const maxSkewMs = 5 * 60 * 1000
const withoutBody: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE'])
const notPrintable = /[^\x20-\x7e]/

/**
 * Reads the signature and checks all of it that needs no key (contract §8.3): what must be signed, the date, the body.
 * A date outside the range is only noted: `isSignedBy` is false for it, whoever signed. `now` in milliseconds since 1970.
 * @throws KmsError notAuthenticated, with one text for every reason.
 */
export function readSignature(request: SignedRequest, now: number): RequestSignature {
  const authorization = parseAuthorizationHeader(authorizationOf(request))
  if (authorization === undefined) throw notAuthenticated({ name: 'authorizationMalformed' })
  if (authorization.algorithm !== 'rsa-sha256') throw notAuthenticated({ name: 'algorithmUnknown' })
  const headers = readSignedHeaders(authorization.headers)
  // A body must be signed even where the method needs none: nothing unsigned may reach a handler.
  const needsBody = !withoutBody.has(request.method) || request.body.byteLength > 0
  if (headers === undefined || (needsBody && !headers.coversBody)) {
    const missing = unsignedHeaders(authorization.headers, needsBody)
    throw notAuthenticated(
      missing.length === 0 ? { name: 'headersListUnreadable' } : { name: 'headersNotSigned', missing },
    )
  }
  const skewedDate = outsideRange(request, headers, now)
  requireBody(request, headers)
  const signature = Buffer.from(authorization.signature, 'base64')
  // Only the canonical text: otherwise one signature would have many spellings and duplicates would not be recognised.
  if (signature.toString('base64') !== authorization.signature) throw notAuthenticated({ name: 'signatureMalformed' })
  return {
    keyId: authorization.keyId,
    signingString: signingString(request, headers, request.target),
    alternativeSigningStrings: (request.alternativeTargets ?? []).map((target) =>
      signingString(request, headers, target),
    ),
    signature,
    skewedDate,
    headers: headers.names,
  }
}

/** RSASSA-PKCS1-v1_5 with SHA-256; false for a key that is none for an API (apiPublicKey.ts). */
export function isSignedBy(signature: RequestSignature, publicKey: KeyObject): boolean {
  return signature.skewedDate === undefined && isOverBy(signature, publicKey)
}

/** For what `isSignedBy` says no to. Of a clock that is wrong the holder of the key is told, and nobody else. */
export function signatureRefusal(
  signature: RequestSignature,
  publicKey: KeyObject,
  { userId, now }: { readonly userId: string; readonly now: number },
): KmsError {
  const { skewedDate } = signature
  if (!isAcceptable(publicKey)) return notAuthenticated({ name: 'apiKeyUnfit', userId })
  if (skewedDate === undefined || !isOverBy(signature, publicKey)) {
    return notAuthenticated({ name: 'signatureDiffers', signed: signature.headers })
  }
  const reason = { name: 'dateOff', seconds: Math.floor(Math.abs(now - parseHttpDate(skewedDate)) / 1000) } as const
  return new KmsError(
    'notAuthenticated',
    `The request is dated ${skewedDate} and the clock here says ${new Date(now).toUTCString()}; they may differ by ${maxSkewMs / 60_000} minutes. Set your machine's clock.`,
    { reason },
  )
}

function isOverBy(signature: RequestSignature, publicKey: KeyObject): boolean {
  if (!isAcceptable(publicKey)) return false
  const isOver = (text: string): boolean =>
    verify('sha256', Buffer.from(text, 'latin1'), publicKey, signature.signature)
  return isOver(signature.signingString) || signature.alternativeSigningStrings.some(isOver)
}

const acceptable = new WeakMap<KeyObject, boolean>()

/** Asking a key for its details costs 3 µs, so it is asked once. */
function isAcceptable(publicKey: KeyObject): boolean {
  const known = acceptable.get(publicKey)
  if (known !== undefined) return known
  const isFit = isApiPublicKey(publicKey)
  acceptable.set(publicKey, isFit)
  return isFit
}

/** What every failed authentication answers (contract §7.2). */
export function notAuthenticated(reason: RefusalReason): KmsError {
  return new KmsError(
    'notAuthenticated',
    'The required information to complete authentication was not provided or was incorrect.',
    { reason },
  )
}

/** Judges the signed date; where both are signed, both. The unsigned one says nothing. */
function outsideRange(request: SignedRequest, { dates }: SignedHeaders, now: number): string | undefined {
  let outside: string | undefined
  for (const name of dates) {
    const text = headerOf(request, name)
    const skewMs = Math.abs(now - parseHttpDate(text))
    if (Number.isNaN(skewMs)) throw notAuthenticated({ name: 'dateUnreadable', header: name })
    if (skewMs > maxSkewMs) outside ??= text
  }
  return outside
}

function requireBody(request: SignedRequest, { hasLength, hasHash }: SignedHeaders): void {
  const { byteLength } = request.body
  if (hasLength && headerOf(request, 'content-length') !== String(byteLength)) {
    throw notAuthenticated({ name: 'bodyLengthDiffers', arrived: byteLength })
  }
  if (hasHash && headerOf(request, 'x-content-sha256') !== hash('sha256', request.body, 'base64')) {
    throw notAuthenticated({ name: 'bodyHashDiffers' })
  }
}

function signingString(request: SignedRequest, { names }: SignedHeaders, target: string): string {
  let text = ''
  for (const name of names) {
    const value = name === requestTarget ? `${request.method.toLowerCase()} ${target}` : headerOf(request, name)
    // INVARIANT: one line per name and one byte per character: a line break could pass for another header's line,
    // and two texts must never encode to the same bytes.
    if (notPrintable.test(value)) throw notAuthenticated({ name: 'signedHeaderUnprintable', header: name })
    text += text === '' ? `${name}: ${value}` : `\n${name}: ${value}`
  }
  return text
}

function authorizationOf({ headers }: SignedRequest): string {
  const value = headers['authorization']
  if (typeof value !== 'string') throw notAuthenticated({ name: 'noAuthorization' })
  return value
}

function headerOf(request: SignedRequest, name: string): string {
  const value = request.headers[name]
  // `headers` may be a plain object: a name like `constructor` finds what every object inherits, which is no text.
  if (typeof value !== 'string') throw notAuthenticated({ name: 'signedHeaderMissing', header: name })
  return value
}
