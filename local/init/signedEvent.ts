import { hash, sign } from 'node:crypto'
import type { HttpEvent } from '../../lib/http/wireRequest.ts'

export interface Signer {
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
  readonly privateKeyPem: string
}

/** A request to `url` as it would come over the wire from whoever signs it (contract §2). */
export function signedEvent(
  signer: Signer,
  method: 'GET' | 'POST',
  url: URL,
  body: object | undefined,
  now: number,
): Omit<HttpEvent, 'requestContext'> & { readonly method: string } {
  const text = body === undefined ? '' : JSON.stringify(body)
  const target = `${method.toLowerCase()} ${url.pathname}${url.search}`
  const content = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    'x-content-sha256': hash('sha256', text, 'base64'),
  }
  const headers = { 'x-date': new Date(now).toUTCString(), host: url.host, ...(method === 'POST' ? content : {}) }
  const signed = Object.entries({ '(request-target)': target, ...headers })
  const lines = signed.map(([name, value]) => `${name}: ${value}`).join('\n')
  const signature = sign('sha256', Buffer.from(lines), signer.privateKeyPem).toString('base64')
  const keyId = `${signer.tenancyId}/${signer.userId}/${signer.fingerprint}`
  const names = signed.map(([name]) => name).join(' ')
  const authorization = `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names}",signature="${signature}"`
  return {
    method,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers: { ...headers, authorization },
    ...(text === '' ? {} : { body: text }),
    isBase64Encoded: false,
  }
}
