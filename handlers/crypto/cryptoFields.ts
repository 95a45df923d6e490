import * as v from 'valibot'
import { encryptionAlgorithms, messageTypes, signingAlgorithms } from '../../lib/hsm/algorithms.ts'
import { keysOf } from '../../lib/keysOf.ts'
import { base64, ocid, stringMap } from '../../lib/http/fields.ts'
import type { Request } from '../../lib/http/operation.ts'

/** Limits of contract §3.5, in bytes after decoding. */
export const plaintext = base64(4096)
export const message = base64(4096)
/** The largest answer of Encrypt: 4096 bytes and the envelope's overhead. */
export const ciphertext = base64(8192)
export const signature = base64(1024)

export const encryptionAlgorithm = v.nullish(v.picklist(keysOf(encryptionAlgorithms)))
export const keyVersionId = v.nullish(ocid)
export const associatedData = stringMap
export const loggingContext = stringMap
export const messageType = v.nullish(v.picklist(messageTypes), 'RAW')
export const signingAlgorithm = v.picklist(keysOf(signingAlgorithms))

/** The caller's own words about a call go to the audit and influence nothing else. */
export function noteContext(request: Request, context: Readonly<Record<string, string>>): void {
  if (Object.keys(context).length > 0) request.target.details = { loggingContext: context }
}

/** Optional members without their nulls. */
export function chosen<A extends string>(details: {
  keyVersionId?: string | null | undefined
  encryptionAlgorithm?: A | null | undefined
}) {
  return {
    ...(details.keyVersionId == null ? {} : { keyVersionId: details.keyVersionId }),
    ...(details.encryptionAlgorithm == null ? {} : { algorithm: details.encryptionAlgorithm }),
  }
}
