import { createHash, sign, type KeyObject } from 'node:crypto'
import { dialects, type DialectName } from '../iam/dialects.ts'

/** A request as it comes over the wire, with what of it was signed. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly query: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** A request that is accepted as it is, and by whom it was signed. */
export interface Original extends Sent {
  readonly keyId: string
  /** In lower case, in the order of signing. */
  readonly signedNames: readonly string[]
  readonly signature: string
}

export interface Signing {
  readonly keyId: string
  readonly privateKey: KeyObject
}

export interface Unsigned {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query?: string
  /** Undefined: none, not an empty one. */
  readonly body?: string
}

/** Each client's form (contract §8.4): names and order of what is signed, and of the parameters. */
export function signedForm(
  dialectName: DialectName,
  { keyId, privateKey }: Signing,
  { method, host, path, query = '', body }: Unsigned,
  now: number,
): Original {
  const dialect = dialects[dialectName]
  const hasBody = method === 'POST' || method === 'PUT'
  const bytes = Buffer.from(body ?? '')
  const date = new Date(now).toUTCString()
  const headers: Record<string, string> = {
    host,
    [dialect.date]: date,
    // Its runtime sends the other as well.
    ...(dialectName === 'typescript' ? { date } : {}),
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': `fuzz ${dialectName}`,
    'opc-request-id': 'A'.repeat(32),
    ...(hasBody && {
      'content-length': String(bytes.length),
      'x-content-sha256': createHash('sha256').update(bytes).digest('base64'),
    }),
  }
  const list = dialect.headers + (hasBody ? dialect.contentHeaders : '')
  const signedNames = list.toLowerCase().split(' ')
  const target = `${method.toLowerCase()} ${query === '' ? path : `${path}?${query}`}`
  const lines = signedNames.map((name) => `${name}: ${name === '(request-target)' ? target : (headers[name] ?? '')}`)
  const signature = sign('sha256', Buffer.from(lines.join('\n')), privateKey).toString('base64')
  const parameters = { version: '1', keyId, algorithm: 'rsa-sha256', headers: list, signature }
  const authorization = `Signature ${dialect.order.map((name) => `${name}="${parameters[name]}"`).join(',')}`
  return { method, path, query, headers: { ...headers, authorization }, body: bytes, keyId, signedNames, signature }
}
