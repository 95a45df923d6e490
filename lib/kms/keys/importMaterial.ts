import type { WrappingScheme } from '../../hsm/hsm.ts'
import { KmsError } from '../../errors.ts'
import type { MakeMaterial } from './createKey.ts'
import type { ManagePorts } from './changeKey.ts'
import { materialContext } from '../rows/versionContext.ts'
import { versionRow } from './newKeyVersion.ts'
import { newMaterialId } from '../../ocid.ts'
import { wrappingKey } from '../vaults/wrappingKey.ts'

/** Material as a caller brings it: wrapped for the vault's wrapping key (contract §6.6). */
export interface WrappedImport {
  readonly blob: Uint8Array
  readonly scheme: WrappingScheme
}

/** Unwraps inside the HSM and wraps again under the vault's own key. */
export function importMaterial(ports: ManagePorts, { blob, scheme }: WrappedImport): MakeMaterial {
  return async (vault, of, stamp) => {
    const wrapping = await wrappingKey(ports, vault)
    if (wrapping.wrapped === null) throw new KmsError('incorrectState', 'The wrapping key of this vault is DELETED.')
    const materialId = newMaterialId(ports.random)
    const opener = {
      context: { keyId: wrapping.id, materialId: wrapping.materialId },
      wrapped: wrapping.wrapped,
    }
    const wrapped = await vault.keys.importWrapped(materialContext(of, materialId), opener, scheme, blob)
    return versionRow(ports, vault, of, stamp, { materialId, wrapped, origin: 'EXTERNAL' })
  }
}
