import { LruCache } from '../lruCache.ts'

/** Who signed, by an API key's id `{tenancyOCID}/{userOCID}/{fingerprint}`. */
export interface ApiKeyId {
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
}

const ocidTail = '[A-Za-z0-9._-]{1,200}'
const form = new RegExp(
  `^(?<tenancyId>ocid1\\.tenancy\\.${ocidTail})/(?<userId>ocid1\\.user\\.${ocidTail})/(?<fingerprint>(?:[0-9a-f]{2}:){15}[0-9a-f]{2})$`,
)

/** Callers come again and again; one who makes up names can push others out, who are parsed anew. */
const parsed = new LruCache<ApiKeyId>(1_000)

/** Undefined for every other form (session tokens `ST$…`, leaf certificates). */
export function parseKeyId(keyId: string): ApiKeyId | undefined {
  const known = parsed.get(keyId)
  if (known !== undefined) return known
  const parts = form.exec(keyId)?.groups as ApiKeyId | undefined
  if (parts === undefined) return undefined
  const read = { ...parts }
  parsed.set(keyId, read)
  return read
}
