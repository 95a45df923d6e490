import { createHash, sign, type KeyObject } from 'node:crypto'
import type { WireRequest } from '../lib/http/wireRequest.ts'

/** A GET, or with a body a POST, signed by the key of that id. */
export function signedRequest(
  { keyId, privateKey, now }: { keyId: string; privateKey: KeyObject; now: number },
  path: string,
  { body = '', host = 'region' }: { readonly body?: string; readonly host?: string } = {},
): WireRequest {
  const method = body === '' ? 'GET' : 'POST'
  const content = Buffer.from(body)
  const headers: Record<string, string> = { date: new Date(now).toUTCString(), host }
  const target = `${method.toLowerCase()} ${path}`
  const lines = [`date: ${headers['date'] ?? ''}`, `(request-target): ${target}`, `host: ${host}`]
  const names = ['date', '(request-target)', 'host']
  if (body !== '') {
    const more = {
      'content-length': String(content.length),
      'content-type': 'application/json',
      'x-content-sha256': createHash('sha256').update(content).digest('base64'),
    }
    Object.assign(headers, more)
    for (const [name, value] of Object.entries(more)) {
      names.push(name)
      lines.push(`${name}: ${value}`)
    }
  }
  const signature = sign('sha256', Buffer.from(lines.join('\n')), privateKey).toString('base64')
  const authorization = `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names.join(' ')}",signature="${signature}"`
  const place = { method, rawPath: path, rawQuery: '', sourceIp: '127.0.0.1', listenerPort: undefined }
  return { ...place, headers: { ...headers, authorization }, body: content }
}
