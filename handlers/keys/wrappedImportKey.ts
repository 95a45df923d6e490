import * as v from 'valibot'
import { wrappingSchemes } from '../../lib/hsm/algorithms.ts'
import { base64 } from '../../lib/http/fields.ts'
import type { WrappedImport } from '../../lib/kms/keys/importMaterial.ts'

/** The largest material is an RSA-4096 private key under AES-KWP, behind 512 bytes of OAEP. */
const maxBlobBytes = 4096

/** WrappedImportKey (contract §3.2). */
export const wrappedImportKey = v.pipe(
  v.object({
    keyMaterial: base64(maxBlobBytes),
    wrappingAlgorithm: v.picklist(wrappingSchemes),
  }),
  v.transform(({ keyMaterial, wrappingAlgorithm }): WrappedImport => ({
    blob: keyMaterial,
    scheme: wrappingAlgorithm,
  })),
)
