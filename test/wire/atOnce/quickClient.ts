import { createHash, createPrivateKey, sign } from 'node:crypto'
import { FetchHttpClient, type HttpRequest, type RequestSigner } from 'oci-common'
import type { OciCloud } from '../ociCloud.ts'

/**
 * The official client's own HTTP client, with a signer that parses the administrator's key once: the official signer parses
 * it for each of these 15,000 calls, twice. All other suites sign with that one.
 */
export function quickHttpClient({ cloud }: OciCloud): FetchHttpClient {
  const { tenancyId, administrator } = cloud
  const { userId, fingerprint, privateKeyPem } = administrator
  const keyId = `${tenancyId}/${userId}/${fingerprint}`
  const key = createPrivateKey(privateKeyPem)
  const signer: RequestSigner = {
    signHttpRequest: (request) => {
      const covered = coveredHeaders(request)
      const text = covered.map(([name, value]) => `${name}: ${value}`).join('\n')
      const names = covered.map(([name]) => name).join(' ')
      const signature = sign('sha256', Buffer.from(text), key).toString('base64')
      request.headers.set(
        'authorization',
        `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names}",signature="${signature}"`,
      )
    },
  }
  return new FetchHttpClient(signer)
}

/** Sets what the service wants signed, and names it with what stands there. */
function coveredHeaders({ method, uri, headers, body }: HttpRequest): readonly (readonly [string, string])[] {
  const { pathname, search, host } = new URL(uri)
  headers.set('x-date', new Date().toUTCString())
  headers.set('host', host)
  const covered = [
    ['x-date', headers.get('x-date') ?? ''],
    ['(request-target)', `${method.toLowerCase()} ${pathname}${search}`],
    ['host', host],
  ] as const
  if (method !== 'POST' && method !== 'PUT') return covered
  const text = typeof body === 'string' ? body : ''
  const ofBody = {
    'content-type': headers.get('content-type') ?? 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    'x-content-sha256': createHash('sha256').update(text).digest('base64'),
  }
  for (const [name, value] of Object.entries(ofBody)) headers.set(name, value)
  return [...covered, ...Object.entries(ofBody)]
}
