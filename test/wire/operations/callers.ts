import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { AuditClient } from 'oci-audit'
import { DefaultRequestSigner, SimpleAuthenticationDetailsProvider, type HttpRequest, type Method } from 'oci-common'
import { IdentityClient } from 'oci-identity'
import { KmsCryptoClient, KmsManagementClient, KmsVaultClient } from 'oci-keymanagement'
import { fingerprint } from '../../../lib/iam/signature/fingerprint.ts'
import { appendIdentity } from '../../../lib/kms/identity/identityLog.ts'
import { headSeq } from '../../../lib/kms/identity/verifyIdentity.ts'
import { identitySk } from '../../../lib/kms/identity/identityRows.ts'
import { oidcIssuer, otherPair } from '../../harness/oidcIssuer.ts'
import { newOcid } from '../../../lib/ocid.ts'
import { send, type OciCloud, type SignedRequest } from '../ociCloud.ts'

/** One who calls, with the official clients; a new client each time, so that no breaker carries over. */
export interface Caller {
  vaults(endpoint: string): KmsVaultClient
  keys(endpoint: string): KmsManagementClient
  crypto(endpoint: string): KmsCryptoClient
  identity(endpoint: string): IdentityClient
  audit(endpoint: string): AuditClient
  /** Of the trusted issuer of test/harness/oidcIssuer.ts. */
  oidcToken(): Promise<string>
  /** What no client sends: a request signed by the official signer. Rejects where it is refused, as the clients do. */
  send(method: Method, url: string, body?: string, headers?: Readonly<Record<string, string>>): Promise<unknown>
}

export interface Callers {
  readonly administrator: Caller
  /** A user of the tenancy to whom no policy grants anything. */
  readonly stranger: Caller
  /** Calls in the administrator's name with a key that is not the administrator's. */
  readonly impostor: Caller
  close(): void
}

export async function callers(oci: OciCloud): Promise<Callers> {
  const { userId, fingerprint: known, privateKeyPem } = oci.cloud.administrator
  const opened: { close(): void }[] = []
  const as = (user: string, print: string, pem: string) => ({
    ...caller(new SimpleAuthenticationDetailsProvider(oci.tenancyId, user, print, pem, null), opened),
    oidcToken: () => oidcIssuer().token({ sub: user }),
  })
  const impostor = as(userId, known, otherKey())
  return {
    administrator: as(userId, known, privateKeyPem),
    stranger: as(await addUser(oci), known, privateKeyPem),
    impostor: { ...impostor, oidcToken: () => oidcIssuer().token({ sub: userId }, { key: otherPair.privateKey }) },
    close: () => {
      for (const client of opened) client.close()
    },
  }
}

function caller(provider: SimpleAuthenticationDetailsProvider, opened: { close(): void }[]): Omit<Caller, 'oidcToken'> {
  const auth = { authenticationDetailsProvider: provider }
  const at = <C extends { endpoint: string; close(): void }>(client: C, endpoint: string): C => {
    client.endpoint = endpoint
    opened.push(client)
    return client
  }
  return {
    vaults: (endpoint) => at(new KmsVaultClient(auth), endpoint),
    keys: (endpoint) => at(new KmsManagementClient(auth), endpoint),
    crypto: (endpoint) => at(new KmsCryptoClient(auth), endpoint),
    identity: (endpoint) => at(new IdentityClient(auth), endpoint),
    audit: (endpoint) => at(new AuditClient(auth), endpoint),
    send: async (method, url, body, more = {}) => {
      const signed = await sign(provider, { method, url, body })
      const {
        statusCode,
        serviceCode,
        body: answer,
      } = await send({
        ...signed,
        headers: { ...signed.headers, ...more },
      })
      if (statusCode < 300) return answer
      throw Object.assign(new Error(String(answer['message'])), { statusCode, serviceCode })
    },
  }
}

async function sign(
  provider: SimpleAuthenticationDetailsProvider,
  { method, url, body }: Pick<SignedRequest, 'method' | 'url' | 'body'>,
): Promise<SignedRequest> {
  const request: HttpRequest = { method, uri: url, headers: new Headers(), ...(body === undefined ? {} : { body }) }
  await new DefaultRequestSigner(provider).signHttpRequest(request)
  const { host: _host, ...headers } = Object.fromEntries(request.headers.entries())
  return { method, url, headers, body }
}

/** Users are not made over the wire, so this one goes into the identity log, as the administrator did. */
async function addUser({ cloud, tenancyId }: OciCloud): Promise<string> {
  const [home] = cloud.parts
  if (home === undefined) throw new Error('A cloud has a home region.')
  const id = newOcid(randomBytes, 'user')
  const publicKey = createPublicKey(cloud.administrator.privateKeyPem)
  const print = fingerprint(publicKey)
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  await appendIdentity(home.runtime, tenancyId, {
    after: await headSeq(home.runtime, tenancyId),
    puts: [
      { sk: identitySk.user(id), kind: 'user', id, name: 'stranger' },
      { sk: identitySk.apiKey(id, print), kind: 'apiKey', userId: id, fingerprint: print, publicKey: pem },
    ],
  })
  await cloud.idle()
  return id
}

function otherKey(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string
}
