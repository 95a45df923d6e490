import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT, type JWTPayload } from 'jose'

/** An issuer of OIDC tokens, whose keys can be pinned. */
export interface OidcIssuer {
  readonly issuer: string
  readonly audience: string
  readonly jwks: { readonly keys: readonly object[] }
  /** Good for five minutes unless told otherwise; `claims` over what is usual. */
  token(claims: JWTPayload, options?: TokenOptions): Promise<string>
}

export interface TokenOptions {
  /** Unix milliseconds. */
  readonly now?: number
  readonly key?: KeyObject
  readonly alg?: string
  readonly kid?: string
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** Of somebody else. */
export const otherPair = generateKeyPairSync('rsa', { modulusLength: 2048 })

export function oidcIssuer(issuer = 'https://issuer.example', audience = 'vaultspan'): OidcIssuer {
  return {
    issuer,
    audience,
    jwks: { keys: [jwkOf(publicKey, 'one')] },
    token: (claims, { now = Date.now(), key = privateKey, alg = 'RS256', kid = 'one' } = {}) => {
      const seconds = Math.floor(now / 1000)
      const usual = { iss: issuer, aud: audience, iat: seconds, exp: seconds + 300 }
      return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg, kid }).sign(key)
    },
  }
}

export function jwkOf(key: KeyObject, kid: string): object {
  return { ...key.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The same claims, without a signature, or with one that anybody can make. */
export function forged(token: string, alg: 'none' | 'HS256'): string {
  const text = `${encoded({ alg, kid: 'one' })}.${token.split('.')[1] ?? ''}`
  const secret = publicKey.export({ type: 'spki', format: 'pem' })
  return `${text}.${alg === 'none' ? '' : createHmac('sha256', secret).update(text).digest('base64url')}`
}

/** Serves a text at every path of a loopback port, and counts how often it was asked. */
export async function keyServer(answer: { status?: number; text: string }) {
  const asked = { times: 0 }
  const server = createServer((_request, response) => {
    asked.times += 1
    response.writeHead(answer.status ?? 200, { location: 'http://127.0.0.1:1/' }).end(answer.text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () => new Promise((resolve) => server.close(resolve))
  return { host, uri: `http://${host}/keys`, asked, close }
}
