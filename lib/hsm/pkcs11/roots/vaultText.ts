import { canonicalJson } from '../../../canonicalJson.ts'
import type { VaultContext } from '../../hsm.ts'

/** One text for each vault. */
export function vaultText({ realm, tenancyId, vaultId, isPrivate }: VaultContext): string {
  return canonicalJson({ realm, tenancyId, vaultId, isPrivate })
}
