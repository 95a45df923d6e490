import type { VaultContext } from '../hsm.ts'

export function isSameContext(one: VaultContext, other: VaultContext): boolean {
  return (
    one.realm === other.realm &&
    one.tenancyId === other.tenancyId &&
    one.vaultId === other.vaultId &&
    one.isPrivate === other.isPrivate
  )
}
