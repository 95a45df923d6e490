import { timingSafeEqual } from 'node:crypto'
import { canonicalJson } from '../kms/canonicalJson.ts'
import type { Cmac } from './cmac.ts'
import type { KeyShape, MaterialContext, VaultContext, WrappedKey } from './hsm.ts'

/** The two uses of a vault's MAC key; the label and a zero byte come before the text. */
export type MacLabel = 'blob/v1' | 'row/v1'

export function labelledMac(macKey: Cmac, label: MacLabel, text: string): Buffer {
  return macKey.tag(Buffer.from(`${label}\0${text}`))
}

/** Constant time in the bytes; the length of a MAC is no secret. */
export function isSameMac(expected: Buffer, given: Uint8Array): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** What the blob MAC covers (architecture, integrity at rest). AES-KWP itself takes no associated data. */
export function blobText(vault: VaultContext, material: MaterialContext, wrapped: Omit<WrappedKey, 'mac'>): string {
  return canonicalJson({
    format: wrapped.format,
    realm: vault.realm,
    tenancyId: vault.tenancyId,
    vaultId: vault.vaultId,
    keyId: material.keyId,
    materialId: material.materialId,
    shape: shapeJson(material.shape),
    protectionMode: material.protectionMode,
    isExportable: material.isExportable,
    blob: wrapped.blob,
    publicKey: wrapped.publicKey,
  })
}

function shapeJson(shape: KeyShape) {
  const curveId = shape.algorithm === 'ECDSA' ? shape.curveId : undefined
  return { algorithm: shape.algorithm, length: shape.length, curveId }
}
