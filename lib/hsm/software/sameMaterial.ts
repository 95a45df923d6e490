import { canonicalJson } from '../../canonicalJson.ts'
import type { MaterialContext } from '../hsm.ts'

/** Everything but the key's name, which is what a restore changes. */
export function isSameMaterial(from: MaterialContext, to: MaterialContext): boolean {
  return (
    canonicalJson({ ...from, shape: { ...from.shape }, keyId: '' }) ===
    canonicalJson({ ...to, shape: { ...to.shape }, keyId: '' })
  )
}
