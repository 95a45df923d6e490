import type { IncomingMessage } from 'node:http'

/**
 * A target in absolute form (RFC 9112 §3.2.2), as clients send it who take this for a proxy: its authority counts and not
 * the Host header, and what is left is the path, which is what clients sign.
 */
export function takeOriginForm(request: IncomingMessage): void {
  const { url = '/', headers } = request
  if (url.startsWith('/')) return
  const [, authority, rest] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url) ?? []
  if (authority === undefined || rest === undefined) return
  headers.host = authority
  request.url = rest.startsWith('/') ? rest : `/${rest}`
}
