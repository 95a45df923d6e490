import { movedTo, requireCompartmentActive } from '../identity/compartmentContents.ts'
import { changeKey, type ManagePorts, type VaultKey } from './changeKey.ts'
import { requireVaultState } from '../rows/lifecycle.ts'
import type { Mutation } from '../mutation.ts'
import type { KeyRow, VaultRow } from '../rows/rows.ts'
import type { Vault } from '../vaultCache.ts'
import { changeVault } from '../vaults/vaults.ts'

/** Moving to where something is already changes nothing and succeeds. */

export function changeVaultCompartment(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: Vault,
  compartmentId: string,
): Promise<VaultRow> {
  return changeVault(ports, mutation, loaded, async ({ id, tenancyId, compartmentId: from, ...vault }) => {
    requireVaultState('ChangeVaultCompartment', { id, ...vault })
    if (from === compartmentId) return undefined
    await requireCompartmentActive(ports, tenancyId, compartmentId)
    return { set: { compartmentId }, also: movedTo(tenancyId, from, compartmentId, { table: 'Vaults', id }) }
  })
}

export function changeKeyCompartment(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  compartmentId: string,
): Promise<KeyRow> {
  return changeKey(ports, mutation, loaded, 'ChangeKeyCompartment', async ({ vault, key }) => {
    const { id, compartmentId: from } = key
    if (from === compartmentId) return undefined
    const { tenancyId } = vault.row
    await requireCompartmentActive(ports, tenancyId, compartmentId)
    return { set: { compartmentId }, also: movedTo(tenancyId, from, compartmentId, { table: 'Keys', id }) }
  })
}
