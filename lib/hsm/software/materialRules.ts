import { KmsError } from '../../errors.ts'
import type { BlobContext } from '../formats/blobMac.ts'
import { requireScheme } from '../formats/wrappingScheme.ts'
import type { KeyShape, MaterialContext, WrappingScheme } from '../hsm.ts'

/** What is refused of a key's material, whatever keeps it. */

/** Bytes. */
export const WRAPPING_KEY_LENGTH = 512

export function requireMaterialId(materialId: string): void {
  if (!/^[0-9a-f]{32}$/.test(materialId)) throw new RangeError('A material id has 32 lower-case hex digits.')
}

/** What the caller can know is wrong without the blob has a text of its own. */
export function requireImportable(shape: KeyShape, scheme: WrappingScheme): void {
  if (shape.algorithm === 'ECDSA') throw new KmsError('invalidParameter', 'ECDSA keys cannot be imported.')
  requireScheme(shape, scheme)
}

/** Two conditions for one rule: what says HSM never leaves, whatever else is said of it. */
export function requireExportable({ keyId, protectionMode, isExportable }: MaterialContext): void {
  if (isExportable && protectionMode === 'SOFTWARE') return
  throw new KmsError(
    'invalidParameter',
    `Key ${keyId} is not exportable; only keys made with protectionMode SOFTWARE are.`,
  )
}

export function broken({ keyId }: BlobContext): KmsError {
  return new KmsError('integrityFailure', `The stored material of key ${keyId} does not fit its row.`)
}
