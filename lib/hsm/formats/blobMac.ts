import { timingSafeEqual } from 'node:crypto'
import { canonicalJson } from '../../canonicalJson.ts'
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

/** What the blob MAC covers (architecture, integrity at rest). AES-KWP itself takes no associated data. */
export function blobText(vault: VaultContext, context: BlobContext, wrapped: Omit<WrappedKey, 'mac'>): string {
  return canonicalJson({
    format: wrapped.format,
    realm: vault.realm,
    tenancyId: vault.tenancyId,
    vaultId: vault.vaultId,
    keyId: context.keyId,
    ...materialJson(context),
    blob: wrapped.blob,
    publicKey: wrapped.publicKey,
  })
}

/** INVARIANT: only a wrapping key's text names a purpose, so that neither kind of blob passes for the other. */
function materialJson(context: BlobContext) {
  const { materialId } = context
  if (!('shape' in context)) return { materialId, purpose: 'WRAPPING' }
  const { shape, protectionMode, isExportable } = context
  return { materialId, shape: shapeJson(shape), protectionMode, isExportable }
}

function shapeJson(shape: KeyShape) {
  const curveId = shape.algorithm === 'ECDSA' ? shape.curveId : undefined
  return { algorithm: shape.algorithm, length: shape.length, curveId }
}
