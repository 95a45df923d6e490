import { DefaultRequestSigner, type HttpRequest, type Method, SimpleAuthenticationDetailsProvider } from 'oci-common'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { parseKeyId } from '../../lib/iam/signature/keyId.ts'
import { isSignedBy, readSignature, type SignedRequest } from '../../lib/iam/signature/requestSignature.ts'
import { rsaKey, tenancyId, userId } from './signer.ts'

/** The unmodified official TypeScript signer. */
const signer = new DefaultRequestSigner(
  new SimpleAuthenticationDetailsProvider(
    tenancyId,
    userId,
    fingerprint(rsaKey.publicKey),
    rsaKey.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    null,
  ),
)

async function sign(method: Method, url: string, body?: string): Promise<SignedRequest> {
  const request: HttpRequest = { method, uri: url, headers: new Headers(), ...(body !== undefined && { body }) }
  await signer.signHttpRequest(request)
  const { pathname, search } = new URL(url)
  return {
    method,
    target: pathname + search,
    headers: Object.fromEntries(request.headers.entries()),
    body: Buffer.from(body ?? ''),
  }
}

test.each<[Method, string, string | undefined]>([
  ['GET', 'http://127.0.0.1:8100/20180608/keys?compartmentId=ocid1.compartment.oc1..aaaa&limit=5', undefined],
  ['GET', 'http://127.0.0.1:8100//20180608/vaults', undefined],
  ['DELETE', 'https://identity.example.com/20160918/users/u/apiKeys/0a%3Aff', undefined],
  ['POST', 'http://127.0.0.1:8100/20180608/encrypt', '{"plaintext":"w7Y="}'],
  ['POST', 'http://127.0.0.1:8100/20180608/keys/k/actions/enable', undefined],
  ['PUT', 'http://127.0.0.1:8100/20180608/keys/k', '{"displayName":"Schlüssel"}'],
] as [Method, string, string | undefined][])('the official signer is understood: %s %s', async (method, url, body) => {
  const request = await sign(method, url, body)
  const signature = readSignature(request, Date.now())
  expect(isSignedBy(signature, rsaKey.publicKey)).toBe(true)
  expect(parseKeyId(signature.keyId)).toMatchObject({ tenancyId, userId, fingerprint: fingerprint(rsaKey.publicKey) })
  expect(isSignedBy(readSignature({ ...request, target: `${request.target}x` }, Date.now()), rsaKey.publicKey)).toBe(
    false,
  )
})
