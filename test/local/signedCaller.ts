import { createHash, createPrivateKey, randomUUID, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cloud } from '../../local/cloud/startCloud.ts'

export interface Answered {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly list: readonly Record<string, unknown>[]
  /** Undefined: there is no further page. */
  readonly nextPage: string | undefined
}

/** Calls over HTTP, signed as the administrator; `unsigned` are headers beside those that are signed. */
export type SignedCaller = (
  method: string,
  url: string,
  body?: unknown,
  unsigned?: Readonly<Record<string, string>>,
) => Promise<Answered>

export interface Signer {
  readonly keyId: string
  readonly privateKeyPem: string
}

export function callerOf({ tenancyId, administrator }: Cloud): SignedCaller {
  const { userId, fingerprint, privateKeyPem } = administrator
  return callerAs({ keyId: `${tenancyId}/${userId}/${fingerprint}`, privateKeyPem })
}

/** By the profile that the service wrote into its directory. */
export function callerByProfile(directory: string, clock = Date.now): SignedCaller {
  return callerAs(signerByProfile(directory), clock)
}

export function signerByProfile(directory: string): Signer {
  const text = readFileSync(join(directory, 'oci', 'config'), 'utf8')
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? ''
  const keyId = `${value('tenancy')}/${value('user')}/${value('fingerprint')}`
  return { keyId, privateKeyPem: readFileSync(value('key_file'), 'utf8') }
}

export interface Signed {
  readonly headers: Readonly<Record<string, string>>
  /** Undefined where the method has none. */
  readonly text: string | undefined
}

/**
 * Signs requests; the same one may be sent again and again while its date is in range. Each signature is another one: of two
 * equal changes signed in one second the second, where it comes more than two seconds later, would be taken for a copy.
 */
export function signing({ keyId, privateKeyPem }: Signer, clock = Date.now) {
  const privateKey = createPrivateKey(privateKeyPem)
  return (method: string, url: string, body?: unknown): Signed => {
    const { host, pathname, search } = new URL(url)
    const text = body === undefined ? '' : JSON.stringify(body)
    const content = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      'x-content-sha256': createHash('sha256').update(text).digest('base64'),
    }
    const hasBody = method === 'POST' || method === 'PUT'
    const sent: Record<string, string> = {
      'x-date': new Date(clock()).toUTCString(),
      'x-call': randomUUID(),
      ...(hasBody ? content : {}),
    }
    const signed = { ...sent, '(request-target)': `${method.toLowerCase()} ${pathname}${search}`, host }
    const lines = Object.entries(signed).map(([name, value]) => `${name}: ${value}`)
    const signature = sign('sha256', Buffer.from(lines.join('\n')), privateKey).toString('base64')
    const headers = Object.keys(signed).join(' ')
    sent['authorization'] =
      `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${headers}",signature="${signature}"`
    return { headers: sent, text: hasBody ? text : undefined }
  }
}

export function callerAs(signer: Signer, clock = Date.now): SignedCaller {
  const signed = signing(signer, clock)
  return async (method, url, body, unsigned = {}) => {
    const { headers, text } = signed(method, url, body)
    const answer = await fetch(url, {
      method,
      headers: { ...headers, ...unsigned },
      ...(text === undefined ? {} : { body: text }),
    })
    const answered = await answer.text()
    const value: unknown = answered === '' ? {} : JSON.parse(answered)
    return {
      status: answer.status,
      body: (Array.isArray(value) ? {} : value) as Record<string, unknown>,
      nextPage: answer.headers.get('opc-next-page') ?? undefined,
      list: (Array.isArray(value) ? value : []) as readonly Record<string, unknown>[],
    }
  }
}
