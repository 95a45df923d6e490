import type { VaultContext, WrappedVaultKeys } from '../../hsm/hsm.ts'
import { backupKeysRow, storedBackupKeys } from '../../kms/backup/backupKeys.ts'
import { vaultStands } from '../../kms/mutation.ts'
import { vaultContext } from '../../kms/rows/rowMac.ts'
import { storedVaultKeys, VaultCache, vaultKeysSk, type VaultKeysRow } from '../../kms/vaultCache.ts'
import { vaultPage, type VaultPagePorts, type WrapCursor } from './vaultPage.ts'

export interface WrapProgress {
  /** How many vaults' keys this call has wrapped. */
  readonly wrapped: number
  /** Absent where all are done. */
  readonly next?: WrapCursor
}

/** Gives what is to stand in a row; the same object where there is nothing to do. */
export type Wrap = (context: VaultContext, stored: WrappedVaultKeys) => Promise<WrappedVaultKeys>

/**
 * Puts the keys that an older version has stored under the key service, a page of a compartment's vaults a call; those of
 * the tenancy's backups with the first. Nothing is unwrapped for it. Repeating it does no harm.
 */
export function wrapStoredKeys(ports: VaultPagePorts, tenancyId: string, from?: WrapCursor): Promise<WrapProgress> {
  return wrapEach(ports, { tenancyId, from, wrap: (context, stored) => ports.hsm.underKms(context, stored) })
}

/** The same over keys that are under the key service: the data key of each is encrypted anew, under the key that is used now. */
export function rewrapStoredKeys(ports: VaultPagePorts, tenancyId: string, from?: WrapCursor): Promise<WrapProgress> {
  return wrapEach(ports, { tenancyId, from, wrap: (context, stored) => ports.hsm.rewrapped(context, stored) })
}

interface Pass {
  readonly tenancyId: string
  readonly from: WrapCursor | undefined
  readonly wrap: Wrap
}

async function wrapEach(ports: VaultPagePorts, { tenancyId, from, wrap }: Pass): Promise<WrapProgress> {
  if (from === undefined) await wrapBackupKeys(ports, tenancyId, wrap)
  const { vaultIds, next } = await vaultPage(ports, tenancyId, from)
  let wrapped = 0
  for (const vaultId of vaultIds) if (await wrapVault(ports, vaultId, wrap)) wrapped += 1
  return { wrapped, ...(next === undefined ? {} : { next }) }
}

async function wrapBackupKeys({ tables }: VaultPagePorts, tenancyId: string, wrap: Wrap): Promise<void> {
  const stored = await storedBackupKeys({ tables }, tenancyId)
  if (stored === undefined) return
  const wrapped = await wrap(stored.context, stored.wrapped)
  if (wrapped !== stored.wrapped)
    await tables.write([{ op: 'put', table: 'Vaults', item: backupKeysRow(tenancyId, wrapped) }])
}

/** False where there was nothing to do. Who destroys or moves the vault meanwhile goes first. */
async function wrapVault(ports: VaultPagePorts, vaultId: string, wrap: Wrap): Promise<boolean> {
  const { tables } = ports
  for (;;) {
    const vault = await new VaultCache(ports, 0, 1).freshVault(vaultId)
    const stored = await storedVaultKeys(tables, vaultId)
    if (vault === undefined || stored === undefined) return false
    const wrapped: WrappedVaultKeys = await wrap(vaultContext(vault.row), stored)
    if (wrapped === stored) return false
    const row: VaultKeysRow = { pk: vaultId, sk: vaultKeysSk, wrapped: { ...wrapped } }
    const put = { op: 'put', table: 'Vaults', item: { ...row } } as const
    if ((await tables.write([vaultStands(vault.row), put])).ok) return true
  }
}
