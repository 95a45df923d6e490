import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { HttpEvent } from '../../lib/http/wireRequest.ts'

/** The event of an API Gateway HTTP API (payload 2.0); path and query stay exactly as they came over the wire. */
export function toEvent(request: IncomingMessage, body: Buffer): HttpEvent {
  const { path, query } = targetOf(request)
  // Bytes that are no UTF-8 would not survive as text, and the signature covers the bytes.
  const isText = isUtf8(body)
  return {
    rawPath: path,
    rawQueryString: query,
    headers: request.headers as Record<string, string>,
    ...(body.length === 0 ? {} : { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: !isText,
    requestContext: {
      http: { method: request.method ?? 'GET', sourceIp: request.socket.remoteAddress ?? '' },
      listenerPort: request.socket.localPort ?? 0,
    },
  }
}

/** How often a header was sent; `headersDistinct` would copy all of them. */
export function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const sent = rawHeaders[at] ?? ''
    if (sent.length === name.length && sent.toLowerCase() === name) count += 1
  }
  return count
}

export function targetOf({ url = '/' }: IncomingMessage): { readonly path: string; readonly query: string } {
  const question = url.indexOf('?')
  return question < 0 ? { path: url, query: '' } : { path: url.slice(0, question), query: url.slice(question + 1) }
}
