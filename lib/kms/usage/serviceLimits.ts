import type { KeyShape, ProtectionMode } from '../../hsm/hsm.ts'
import { KmsError } from '../../errors.ts'
import type { Tables } from '../../ports.ts'
import { listedKeys, listedVaults, type OpenedVault, type VaultListingPorts } from '../rows/listedRows.ts'
import type { VaultType } from '../rows/rows.ts'

/** How much a tenancy may have in one region (contract §3.7). */
export interface ServiceLimits {
  readonly virtualVaults: number
  readonly privateVaults: number
  /** Key versions of each protection mode in a virtual vault. */
  readonly versionsPerVirtualVault: number
  /** Key versions of both protection modes in a private vault. */
  readonly versionsPerPrivateVault: number
}

/** What a new tenancy has at OCI. */
export const ociServiceLimits: ServiceLimits = {
  virtualVaults: 10,
  privateVaults: 0,
  versionsPerVirtualVault: 100,
  versionsPerPrivateVault: 3000,
}

interface Ports {
  readonly tables: Pick<Tables, 'queryIndex'>
  readonly serviceLimits: ServiceLimits | null
}

/** An asymmetric version counts as two; wrapping keys never count. */
function weight({ algorithm }: KeyShape): number {
  return algorithm === 'AES' ? 1 : 2
}

/**
 * Counted from the listings, which may lag by a moment: requests at the same time can go past the limit together.
 * @throws KmsError limitExceeded; integrityFailure for a row whose MAC does not verify under its vault's keys.
 */
export async function requireRoomForVault(
  ports: Ports & VaultListingPorts,
  compartmentIds: readonly string[],
  vaultType: VaultType,
): Promise<void> {
  const { serviceLimits } = ports
  if (serviceLimits === null) return
  const limit = vaultType === 'DEFAULT' ? serviceLimits.virtualVaults : serviceLimits.privateVaults
  let count = 0
  for (const id of compartmentIds) {
    for await (const row of listedVaults(ports, id)) {
      if (row.vaultType === vaultType && row.lifecycleState !== 'DELETED') count += 1
    }
  }
  if (count >= limit) {
    throw new KmsError(
      'limitExceeded',
      `Your tenancy has ${count} ${vaultType} vaults in this region, and its limit is ${limit}; ${limit > 0 ? 'delete one or ' : ''}have the limit raised.`,
    )
  }
}

/** @throws KmsError limitExceeded where a further version of this kind has no room in the vault. */
export async function requireRoomForVersion(
  { tables, serviceLimits }: Ports,
  vault: OpenedVault,
  added: { readonly shape: KeyShape; readonly protectionMode: ProtectionMode },
): Promise<void> {
  if (serviceLimits === null) return
  const isPrivate = vault.row.vaultType === 'VIRTUAL_PRIVATE'
  const limit = isPrivate ? serviceLimits.versionsPerPrivateVault : serviceLimits.versionsPerVirtualVault
  let used = 0
  for await (const row of listedKeys(tables, vault)) {
    const counts = isPrivate || row.protectionMode === added.protectionMode
    if (counts && row.lifecycleState !== 'DELETED') used += row.versionCount * weight(row.shape)
  }
  if (used + weight(added.shape) > limit) {
    throw new KmsError(
      'limitExceeded',
      `This vault holds key versions that count ${used} of at most ${limit}; ${limit >= weight(added.shape) ? 'delete some or ' : ''}have the limit raised.`,
    )
  }
}
