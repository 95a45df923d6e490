import type { RegionStatement } from '../../hsm/hsm.ts'
import { contentMark } from '../../kms/identity/compartmentContents.ts'
import { entryWrites } from '../../kms/identity/identityLog.ts'
import type { LogEntry } from '../../kms/identity/identityRows.ts'
import { headSeq, statementSk, verifyIdentity } from '../../kms/identity/verifyIdentity.ts'
import { rotationReminders } from '../../kms/keys/autoRotation.ts'
import { commitKey } from '../../kms/keys/commitKey.ts'
import { storeReminder } from '../../kms/reminders.ts'
import { isAtLeast } from '../../kms/rows/epoch.ts'
import { verifiedRow } from '../../kms/rows/rowMac.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../../kms/rows/rows.ts'
import type { Vault } from '../../kms/vaultCache.ts'
import { nextVault } from '../../kms/vaults/vaults.ts'
import type { Item, Write } from '../../ports.ts'
import { wrappingKeyWrite } from '../apply.ts'
import { requestWrite } from '../storeKey.ts'
import { linkedKey } from '../link/links.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import type { StandingKey, StandingVault } from './standing.ts'

/**
 * What a region that was put back to an older copy takes back from a peer, before it serves anybody: rows that it wrote
 * itself, under the vault's MAC key and its own order, and only where they are newer than what it has. So no revision is
 * given out twice. A caller looks for `isLost`: what of it cannot come back here.
 */

export type TakenBack = 'isTaken' | 'isKnown' | 'isLost'

/** Entries that the home region signed, each the next one of the log. */
export async function takeBackIdentity(
  ports: Pick<ReplicationPorts, 'tables' | 'hsm' | 'homeRegion'>,
  tenancyId: string,
  { statement, entries }: { readonly statement: RegionStatement; readonly entries: readonly Item[] },
): Promise<void> {
  const { tables, hsm } = ports
  if ((await tables.get('Identity', tenancyId, statementSk)) === undefined && hsm.region !== ports.homeRegion) {
    const item: Item = { pk: tenancyId, sk: statementSk, statement: { ...statement } }
    await tables.write([{ op: 'put', table: 'Identity', item }])
  }
  for (const stored of entries) {
    const entry = await verifyIdentity<LogEntry>(ports, { pk: tenancyId, sk: stored.sk, kind: 'entry' }, stored)
    const head = await headSeq(ports, tenancyId)
    if (entry.seq === head + 1) await tables.write(entryWrites(entry, head))
  }
}

/** The vault's own row and wrapping key, as its replica has them. Lost: made after the copy, so its keys are in no file here. */
export async function takeBackVault(
  ports: Pick<ReplicationPorts, 'tables' | 'cache'>,
  { vault: sent, wrappingKey, request }: StandingVault,
): Promise<TakenBack> {
  const vault = await ports.cache.freshVault(sent.id)
  if (vault === undefined) return 'isLost'
  const row = verifiedRow<VaultRow>(vault.keys, 'vaultspan/vault/1', sent)
  if (isAtLeast(vault.row, row)) return 'isKnown'
  const { id: vaultId, timeOfDeletion: at } = row
  await ports.tables.write([
    { op: 'put', table: 'Vaults', item: { ...row }, condition: { kind: 'revision', revision: vault.row.revision } },
    ...wrappingKeyWrite(vault.keys, row, wrappingKey),
    ...contentMark(row.tenancyId, row.compartmentId, { table: 'Vaults', id: vaultId }),
    ...(row.replicaRegion === null ? [] : [linkedWrite(vaultId)]),
    ...(at === null ? [] : storeReminder({ kind: 'deletion', vaultId, keyId: null, materialId: null, at })),
    ...(await requestWrite(ports.tables, request)),
  ])
  return 'isTaken'
}

function linkedWrite(vaultId: string): Write {
  return { op: 'put', table: 'Replication', item: linkedKey(vaultId) }
}

/** A key with its versions, as the vault's replica has them. */
export async function takeBackKey(
  ports: Pick<ReplicationPorts, 'tables' | 'cache'>,
  vault: Vault,
  sent: StandingKey,
): Promise<TakenBack> {
  const key = verifiedRow<KeyRow>(vault.keys, 'vaultspan/key-row/1', sent.key)
  const versions = sent.versions.map((row) =>
    verifiedRow<KeyVersionRow>(vault.keys, 'vaultspan/key-version-row/1', row),
  )
  const previous = await ports.cache.freshKey(vault.keys, key.id)
  if (previous !== undefined && isAtLeast(previous, key)) return 'isKnown'
  const stored = await Promise.all(
    versions.map(({ materialId }) => ports.cache.freshVersion(vault.keys, key.id, materialId)),
  )
  const steps = versions
    .map((next, index) => ({ previous: stored[index], next }))
    .filter((step) => !isAtLeast(step.previous, step.next))
  // More than a transaction holds go first, the key's own row with the last of them.
  const { first, last } = { first: steps.slice(0, -maxSteps), last: steps.slice(-maxSteps) }
  for (const { next } of first) await ports.tables.write([{ op: 'put', table: 'Keys', item: { ...next } }])
  const also = [
    ...contentMark(vault.row.tenancyId, key.compartmentId, { table: 'Keys', id: key.id }),
    ...rotationReminders(previous, key),
    ...(await requestWrite(ports.tables, sent.request)),
  ]
  // A reminder that says something else than its row is dropped: these may stand before it.
  for (const reminder of deletionReminders(key, versions)) await ports.tables.write(reminder)
  const isDone = await commitKey(ports, vault, { previous, next: key, versions: last }, also)
  return isDone ? 'isTaken' : 'isLost'
}

const maxSteps = 80

function deletionReminders(key: KeyRow, versions: readonly KeyVersionRow[]): readonly (readonly Write[])[] {
  const { id: keyId, vaultId } = key
  return [{ ...key, materialId: null }, ...versions].flatMap(({ lifecycleState, timeOfDeletion: at, materialId }) =>
    lifecycleState === 'PENDING_DELETION' && at !== null
      ? [storeReminder({ kind: 'deletion', vaultId, keyId, materialId, at })]
      : [],
  )
}

/**
 * Its replica is gone, and nobody there is asked: it was deleted after the copy, or its region is lost. The link ends here
 * too, behind the fence that the peer has since.
 */
export async function dropReplica(
  ports: Pick<ReplicationPorts, 'tables' | 'cache' | 'clock' | 'region'>,
  vaultId: string,
  fence: number,
): Promise<void> {
  for (;;) {
    const vault = await ports.cache.freshVault(vaultId)
    if (vault?.row.replicaRegion == null || vault.row.primaryRegion !== ports.region) return
    const next = nextVault(ports, vault, {
      replicaRegion: null,
      replicaStatus: null,
      handOffTo: null,
      fence: Math.max(fence, vault.row.fence),
    })
    const condition = { kind: 'revision', revision: vault.row.revision } as const
    const { ok } = await ports.tables.write([
      { op: 'put', table: 'Vaults', item: { ...next }, condition },
      { op: 'delete', table: 'Replication', ...linkedKey(vaultId) },
    ])
    // Else it was changed meanwhile, in a region that serves.
    if (ok) return
  }
}

/** In the primary, for a peer that was put back to before this replica: what is left there goes, and it is made anew. */
export async function replicateAnew(ports: ReplicationPorts, vaultId: string): Promise<void> {
  const vault = await ports.cache.freshVault(vaultId)
  if (vault?.row.replicaRegion == null || vault.row.replicaStatus === 'DELETING') return
  const { replicaRegion, fence, tenancyId, revision } = vault.row
  const purged = fence + 1
  const next = nextVault(ports, vault, { replicaStatus: 'CREATING', handOffTo: null, fence: purged + 1 })
  const condition = { kind: 'revision', revision } as const
  await ports.tables.write([{ op: 'put', table: 'Vaults', item: { ...next }, condition }])
  await sendOrPark(
    ports,
    { region: replicaRegion, queue: 'inbox', tenancyId },
    { kind: 'purge', vaultId, fence: purged },
  )
}
