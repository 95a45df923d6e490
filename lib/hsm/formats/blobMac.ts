import { timingSafeEqual } from 'node:crypto'
import type { Cmac } from '../primitives/cmac.ts'
import type { KeyShape, MaterialContext, VaultContext, WrappedKey, WrappingKeyContext } from '../hsm.ts'

/** The two uses of a vault's MAC key; the label and a zero byte come before the text. */
export type MacLabel = 'blob/v1' | 'row/v1'

export function labelledMac(macKey: Cmac, label: MacLabel, text: string): Buffer {
  return macKey.tag(Buffer.from(`${label}\0${text}`))
}

/** Constant time in the bytes; the length of a MAC is no secret. */
export function isSameMac(expected: Buffer, given: Uint8Array): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given)
}

export type BlobContext = MaterialContext | WrappingKeyContext

/**
 * What the blob MAC covers (architecture, integrity at rest). AES-KWP itself takes no associated data. It is canonical JSON:
 * members are named in the order that this has, since the text is made for every key that is opened.
 */
export function blobText(vault: VaultContext, context: BlobContext, wrapped: Omit<WrappedKey, 'mac'>): string {
  const { blob, format, publicKey } = wrapped
  const { keyId, materialId } = context
  const { realm, tenancyId, vaultId } = vault
  // INVARIANT: only a wrapping key's text names a purpose, so that neither kind of blob passes for the other.
  if (!('shape' in context)) {
    const purpose = 'WRAPPING'
    return JSON.stringify({ blob, format, keyId, materialId, publicKey, purpose, realm, tenancyId, vaultId })
  }
  const { isExportable, protectionMode } = context
  const shape = shapeJson(context.shape)
  return JSON.stringify({
    blob,
    format,
    isExportable,
    keyId,
    materialId,
    protectionMode,
    publicKey,
    realm,
    shape,
    tenancyId,
    vaultId,
  })
}

function shapeJson(shape: KeyShape) {
  const curveId = shape.algorithm === 'ECDSA' ? shape.curveId : undefined
  return { algorithm: shape.algorithm, curveId, length: shape.length }
}
