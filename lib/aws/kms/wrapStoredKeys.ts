import type { WrappedVaultKeys } from '../../hsm/hsm.ts'
import { backupKeysRow, storedBackupKeys } from '../../kms/backup/backupKeys.ts'
import type { CompartmentRow } from '../../kms/identity/identityRows.ts'
import { rowsOf, tenancyState } from '../../kms/identity/tenancyState.ts'
import { vaultStands } from '../../kms/mutation.ts'
import { vaultContext } from '../../kms/rows/rowMac.ts'
import { vaultListingPartition } from '../../kms/rows/rows.ts'
import { storedVaultKeys, VaultCache, vaultKeysSk, type VaultKeysRow } from '../../kms/vaultCache.ts'
import type { Clock, Tables } from '../../ports.ts'
import type { KmsHsm } from './kmsHsm.ts'

interface Ports {
  readonly tables: Tables
  readonly hsm: KmsHsm
  readonly region: string
  readonly homeRegion: string
  readonly clock: Clock
}

/** From where the next call goes on. */
export interface WrapCursor {
  readonly compartmentId: string
  readonly after?: string
}

export interface WrapProgress {
  /** How many vaults' keys this call has put under the key service. */
  readonly wrapped: number
  /** Absent where all are done. */
  readonly next?: WrapCursor
}

/** How many vaults a call looks at, so that it ends well within a function's time. */
const pageSize = 100

/**
 * Puts the keys that an older version has stored under the key service, a page of a compartment's vaults a call; those of
 * the tenancy's backups with the first. Nothing is unwrapped for it. Repeating it does no harm.
 */
export async function wrapStoredKeys(ports: Ports, tenancyId: string, from?: WrapCursor): Promise<WrapProgress> {
  if (from === undefined) await wrapBackupKeys(ports, tenancyId)
  const ids = rowsOf<CompartmentRow>(await tenancyState(ports, tenancyId), 'compartment').map(({ id }) => id)
  const waiting = ids.sort().filter((id) => from === undefined || id >= from.compartmentId)
  const [compartmentId, following] = waiting
  if (compartmentId === undefined) return { wrapped: 0 }
  const after = compartmentId === from?.compartmentId ? from.after : undefined
  const page = await ports.tables.queryIndex('Vaults', 'byTime', vaultListingPartition(compartmentId), {
    limit: pageSize,
    ...(after === undefined ? {} : { after }),
  })
  let wrapped = 0
  for (const { pk } of page.items) if (await wrapVault(ports, pk)) wrapped += 1
  if (page.next !== undefined) return { wrapped, next: { compartmentId, after: page.next } }
  return following === undefined ? { wrapped } : { wrapped, next: { compartmentId: following } }
}

async function wrapBackupKeys({ tables, hsm }: Ports, tenancyId: string): Promise<void> {
  const stored = await storedBackupKeys({ tables }, tenancyId)
  if (stored === undefined) return
  const wrapped = await hsm.underKms(stored.context, stored.wrapped)
  if (wrapped !== stored.wrapped)
    await tables.write([{ op: 'put', table: 'Vaults', item: backupKeysRow(tenancyId, wrapped) }])
}

/** False where there was nothing to do. Who destroys or moves the vault meanwhile goes first. */
async function wrapVault(ports: Ports, vaultId: string): Promise<boolean> {
  const { tables, hsm } = ports
  for (;;) {
    const vault = await new VaultCache(ports, 0, 1).freshVault(vaultId)
    const stored = await storedVaultKeys(tables, vaultId)
    if (vault === undefined || stored === undefined) return false
    const wrapped: WrappedVaultKeys = await hsm.underKms(vaultContext(vault.row), stored)
    if (wrapped === stored) return false
    const row: VaultKeysRow = { pk: vaultId, sk: vaultKeysSk, wrapped: { ...wrapped } }
    const put = { op: 'put', table: 'Vaults', item: { ...row } } as const
    if ((await tables.write([vaultStands(vault.row), put])).ok) return true
  }
}
