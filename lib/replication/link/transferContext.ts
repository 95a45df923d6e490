import type { TransferContext } from '../../hsm/hsm.ts'
import type { VaultRow } from '../../kms/rows/rows.ts'
import { vaultContext } from '../../kms/rows/rowMac.ts'

/** What a transfer of a vault's keys is bound to. */
export function transferContext(row: VaultRow, destination: string): TransferContext {
  const { realm: of, tenancyId, vaultId, isPrivate } = vaultContext(row)
  return { realm: of, tenancyId, vaultId, isPrivate, source: row.primaryRegion, destination, epoch: row.epoch }
}
