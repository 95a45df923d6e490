import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { isSignedBy, readSignature, type SignedRequest } from '../../lib/iam/signature/requestSignature.ts'
import { isKmsError } from '../../lib/errors.ts'
import { dialects, type Dialect, type DialectName } from './dialects.ts'

/** An independent signer after contract §8.2: what each SDK sends, built by hand. */

export const tenancyId = 'ocid1.tenancy.oc1..aaaatenancy'
export const userId = 'ocid1.user.oc1..aaaauser'
export const keyId = `${tenancyId}/${userId}/${'0a:'.repeat(15)}ff`
export const now = Date.parse('2026-03-05T12:00:00Z')

export const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 })

interface Options {
  readonly dialect?: DialectName
  readonly method?: string
  readonly target?: string
  readonly body?: string
  readonly signedAt?: number
  readonly privateKey?: KeyObject
  readonly algorithm?: string
  /** Replaces the list of signed headers. */
  readonly signedHeaders?: string
  readonly extraHeaders?: Readonly<Record<string, string>>
}

/** A signed request as a server receives it. */
export function aSignedRequest(options: Options = {}): SignedRequest {
  const { method = 'POST', target = '/20180608/keys', signedAt = now, extraHeaders = {} } = options
  const dialect: Dialect = dialects[options.dialect ?? 'typescript']
  const hasBody = method === 'POST' || method === 'PUT'
  const body = Buffer.from(options.body ?? (hasBody ? '{"displayName":"key"}' : ''))
  const headers: Record<string, string> = {
    host: '127.0.0.1:8100',
    [dialect.date]: new Date(signedAt).toUTCString(),
    'content-type': 'application/json',
    'user-agent': 'test',
    ...(hasBody && {
      'content-length': String(body.length),
      'x-content-sha256': createHash('sha256').update(body).digest('base64'),
    }),
    ...extraHeaders,
  }
  const signedHeaders = options.signedHeaders ?? dialect.headers + (hasBody ? dialect.contentHeaders : '')
  const lines = signedHeaders
    .toLowerCase()
    .split(' ')
    .map(
      (name) => `${name}: ${name === '(request-target)' ? `${method.toLowerCase()} ${target}` : (headers[name] ?? '')}`,
    )
  const signature = createSign('sha256')
    .update(lines.join('\n'))
    .sign(options.privateKey ?? rsaKey.privateKey, 'base64')
  const parameters = {
    version: '1',
    keyId,
    algorithm: options.algorithm ?? 'rsa-sha256',
    headers: signedHeaders,
    signature,
  }
  const authorization = `Signature ${dialect.order.map((name) => `${name}="${parameters[name]}"`).join(',')}`
  return { method, target, headers: { ...headers, authorization }, body }
}

export function withHeader(request: SignedRequest, name: string, value: string | undefined): SignedRequest {
  const others = Object.entries(request.headers).filter(([each]) => each !== name)
  return { ...request, headers: Object.fromEntries(value === undefined ? others : [...others, [name, value]]) }
}

/** Rewrites the Authorization header. */
export function withAuthorization(request: SignedRequest, change: (value: string) => string): SignedRequest {
  return withHeader(request, 'authorization', change(request.headers['authorization'] ?? ''))
}

/** What every refused signature throws. */
export const refused = expect.objectContaining({
  code: 'notAuthenticated',
  message: 'The required information to complete authentication was not provided or was incorrect.',
}) as Error

/** False where reading says notAuthenticated or the key did not sign; any other error passes on. */
export function isAccepted(request: SignedRequest, publicKey: KeyObject = rsaKey.publicKey, at = now): boolean {
  try {
    return isSignedBy(readSignature(request, at), publicKey)
  } catch (error) {
    if (isKmsError(error, 'notAuthenticated')) return false
    throw error
  }
}
