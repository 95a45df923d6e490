import { apiKeyName } from '../../apiKeyName.ts'
import { KmsError } from '../../errors.ts'
import { LruCache } from '../../lruCache.ts'

/** Who signed, by an API key's id `{tenancyOCID}/{userOCID}/{fingerprint}`. */
export interface ApiKeyId {
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
  /** By `apiKeyName`, made once: caches are asked by it for every request. */
  readonly name: string
}

const ocidTail = '[A-Za-z0-9._-]{1,200}'
const tenancy = new RegExp(`^ocid1\\.tenancy\\.${ocidTail}$`)

export function isTenancyId(text: string): boolean {
  return tenancy.test(text)
}

const form = new RegExp(
  `^(?<tenancyId>ocid1\\.tenancy\\.${ocidTail})/(?<userId>ocid1\\.user\\.${ocidTail})/(?<fingerprint>(?:[0-9a-f]{2}:){15}[0-9a-f]{2})$`,
)

/** Callers come again and again; one who makes up names can push others out, who are parsed anew. */
const parsed = new LruCache<ApiKeyId>(1_000)

/** What stands before a session token in its place (contract §8.1). */
export const sessionPrefix = 'ST$'

/** By which OCI's instances ask for a token of their own. */
export function isInstanceCertificate(keyId: string): boolean {
  return /\/fed-x509(?:-sha256)?\//.test(keyId)
}

export function noInstancePrincipals(): KmsError {
  return new KmsError(
    'notAuthenticated',
    'Instance principals of OCI are not known here: nobody but Oracle vouches for its instances. Exchange an OIDC token of an issuer that the tenancy trusts (ExchangeToken), or use an API key.',
    { reason: { name: 'instancePrincipal' } },
  )
}

/** Undefined for every other form (session tokens `ST$…`, leaf certificates). */
export function parseKeyId(keyId: string): ApiKeyId | undefined {
  const known = parsed.get(keyId)
  if (known !== undefined) return known
  const parts = form.exec(keyId)?.groups as Omit<ApiKeyId, 'name'> | undefined
  if (parts === undefined) return undefined
  const { tenancyId, userId, fingerprint } = parts
  const read = { tenancyId, userId, fingerprint, name: apiKeyName(userId, fingerprint) }
  parsed.set(keyId, read)
  return read
}
