import type { KeyShape, MaterialContext, ProtectionMode } from '../../hsm/hsm.ts'
import type { Ocid } from '../../ocid.ts'
import type { KeyRow } from './rows.ts'

export interface VersionOf {
  readonly keyId: Ocid
  readonly shape: KeyShape
  readonly protectionMode: ProtectionMode
}

/** What a version's blob is bound to. Export is a property of the protection mode (contract §6.7). */
export function materialContext({ keyId, shape, protectionMode }: VersionOf, materialId: string): MaterialContext {
  return { keyId, materialId, shape, protectionMode, isExportable: protectionMode === 'SOFTWARE' }
}

/** The same for a version of a key that there is. */
export function versionContext(
  { id: keyId, shape, protectionMode }: Pick<KeyRow, 'id' | 'shape' | 'protectionMode'>,
  materialId: string,
): MaterialContext {
  return materialContext({ keyId, shape, protectionMode }, materialId)
}
