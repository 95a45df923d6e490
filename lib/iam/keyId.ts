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

/** Undefined for every other form (session tokens `ST$…`, leaf certificates). */
export function parseKeyId(keyId: string): ApiKeyId | undefined {
  const parts = form.exec(keyId)?.groups as ApiKeyId | undefined
  return parts && { ...parts }
}
