import { isAtLeast, type Order } from '../kms/rows/epoch.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import type { Vault } from '../kms/vaultCache.ts'
import type { Item, Tables } from '../ports.ts'
import { listAtRisk, type AtRiskRow } from './atRisk.ts'
import { coveredOrder } from './messages/receipts.ts'
import type { LagFigures } from './lagWindow.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** A change that the replica had neither shown nor acknowledged. */
export interface WaitingChange extends Order {
  readonly id: string
  /** When it was committed, Unix milliseconds; changes of the same resource before it are not told apart. */
  readonly since: number
}

/** What the last comparison of a vault with its replica found; shown to operators. */
interface ComparedRow extends Item {
  readonly vaultId: string
  readonly peer: string
  readonly fence: number
  /** Unix milliseconds; null: never. */
  readonly comparedAt: number
  readonly agreedAt: number | null
  /** Resources that were found to differ although the replica had acknowledged them: each is a bug or damage. */
  readonly diverged: number
  readonly divergedAt: number | null
  /** The oldest change that was found missing and is not known to have arrived since. */
  readonly waiting: (WaitingChange & { readonly [member: string]: string | number }) | null
  /** As the process that compared had measured it. */
  readonly lagMs: (LagFigures & { readonly [member: string]: number | null }) | null
}

const comparedPk = 'compared'
/** A change that waits longer is worth a line in the log. */
const lateMs = 60_000

/** How a vault stands with its replica, as far as its primary knows. */
export interface LinkState {
  readonly lagMs: LagFigures | null
  readonly oldestWaitingSince: number | null
  readonly comparison: {
    readonly comparedAt: number
    readonly agreedAt: number | null
    readonly diverged: number
  } | null
}

type StatePorts = Pick<KmsPorts, 'tables'> & Pick<ReplicationPorts, 'lag'>

/** Two reads of single rows beside those of what is at risk: `atRisk` where the caller has these already. */
export async function linkState(
  { tables, lag }: StatePorts,
  vault: Vault,
  atRisk?: readonly Item[],
): Promise<LinkState> {
  const { id: vaultId, replicaRegion: peer } = vault.row
  if (peer === null) return { lagMs: null, oldestWaitingSince: null, comparison: null }
  const row = await comparedRow(tables, vault)
  const unsent = atRisk ?? (await listAtRisk(tables, peer, maxAtRisk)).items
  const since = (unsent as readonly AtRiskRow[]).filter((each) => each.vaultId === vaultId).map((each) => each.since)
  const waiting = await stillWaiting(tables, vault, row?.waiting ?? null)
  if (waiting !== null) since.push(waiting.since)
  return {
    lagMs: lag.figures({ vaultId, peer }) ?? row?.lagMs ?? null,
    oldestWaitingSince: since.length === 0 ? null : Math.min(...since),
    comparison:
      row === undefined ? null : { comparedAt: row.comparedAt, agreedAt: row.agreedAt, diverged: row.diverged },
  }
}

const maxAtRisk = 1000

/** Of the vault's present replica. */
async function comparedRow(tables: Pick<Tables, 'get'>, { row }: Vault): Promise<ComparedRow | undefined> {
  const stored = (await tables.get('Replication', comparedPk, row.id)) as ComparedRow | undefined
  return stored?.peer === row.replicaRegion && stored.fence === row.fence ? stored : undefined
}

async function stillWaiting(
  tables: Pick<Tables, 'get'>,
  vault: Vault,
  known: WaitingChange | null,
): Promise<WaitingChange | null> {
  if (known === null) return null
  return isAtLeast((await coveredOrder(tables, vault, known.id)) ?? undefined, known) ? null : known
}

/** What one answer of a replica said. */
export interface Finding {
  readonly isEqual: boolean
  readonly diverged: number
  readonly waiting: readonly WaitingChange[]
}

/** Keeps what a comparison found, and tells it to the log and the meter. */
export async function noteComparison(ports: ReplicationPorts, vault: Vault, finding: Finding): Promise<void> {
  const { tables, clock, lag, log } = ports
  const { id: vaultId, replicaRegion, fence } = vault.row
  const link = { vaultId, peer: replicaRegion ?? '' }
  const known = await comparedRow(tables, vault)
  const now = clock()
  const { isEqual, diverged } = finding
  const before = isEqual ? null : await stillWaiting(tables, vault, known?.waiting ?? null)
  const waiting = oldestOf([...(before === null ? [] : [before]), ...finding.waiting])
  const figures = lag.figures(link) ?? known?.lagMs ?? null
  const item: ComparedRow = {
    pk: comparedPk,
    sk: vaultId,
    ...link,
    fence,
    comparedAt: now,
    agreedAt: isEqual ? now : (known?.agreedAt ?? null),
    diverged: (known?.diverged ?? 0) + diverged,
    divergedAt: diverged > 0 ? now : (known?.divergedAt ?? null),
    waiting: waiting === null ? null : { ...waiting },
    lagMs: figures === null ? null : { ...figures },
  }
  await tables.write([{ op: 'put', table: 'Replication', item }])
  const waitingMs = waiting === null ? 0 : Math.max(0, now - waiting.since)
  if (waitingMs > 0) lag.waiting(link, waitingMs)
  const details = { vault: vaultId, peer: link.peer, isEqual, diverged, waitingMs, lagMs: item.lagMs }
  if (waitingMs < lateMs) log.info('A vault was compared with its replica.', details)
  else log.warn('A change has not arrived in the replica of its vault.', { ...details, resource: waiting?.id })
}

function oldestOf(changes: readonly WaitingChange[]): WaitingChange | null {
  return changes.toSorted((a, b) => a.since - b.since)[0] ?? null
}
