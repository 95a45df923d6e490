import { canonicalJson } from '../../canonicalJson.ts'
import type { MaterialContext } from '../hsm.ts'

/** For every use of a key, so shapes are compared as the objects that they are. */
export function isSameContext(one: MaterialContext, other: MaterialContext): boolean {
  return (
    one.keyId === other.keyId &&
    one.materialId === other.materialId &&
    one.shape === other.shape &&
    one.protectionMode === other.protectionMode &&
    one.isExportable === other.isExportable
  )
}

/** Everything but the key's name, which is what a restore changes. */
export function isSameMaterial(from: MaterialContext, to: MaterialContext): boolean {
  return (
    canonicalJson({ ...from, shape: { ...from.shape }, keyId: '' }) ===
    canonicalJson({ ...to, shape: { ...to.shape }, keyId: '' })
  )
}
