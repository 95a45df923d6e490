/** Who signed, by an API key's id `{tenancyOCID}/{userOCID}/{fingerprint}`. */
export interface ApiKeyId {
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
}

const ocidTail = '[A-Za-z0-9._-]{1,200}'
const form = new RegExp(
  `^(ocid1\\.tenancy\\.${ocidTail})/(ocid1\\.user\\.${ocidTail})/((?:[0-9a-f]{2}:){15}[0-9a-f]{2})$`,
)

/** Undefined for every other form (session tokens `ST$…`, leaf certificates). */
export function parseKeyId(keyId: string): ApiKeyId | undefined {
  const [, tenancyId, userId, fingerprint] = form.exec(keyId) ?? []
  if (tenancyId === undefined || userId === undefined || fingerprint === undefined) return undefined
  return { tenancyId, userId, fingerprint }
}
