import { endOf, markedAuditWrites, type AuditEvent } from '../../kms/audit.ts'
import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { finishChange } from '../../kms/handOffChange.ts'
import { requireVaultState } from '../../kms/rows/lifecycle.ts'
import type { TransportOffer } from '../../hsm/hsm.ts'
import { putOver, type Mutation } from '../../kms/mutation.ts'
import type { Item, Write } from '../../ports.ts'
import type { VaultRow } from '../../kms/rows/rows.ts'
import type { Vault } from '../../kms/vaultCache.ts'
import {
  changeVault,
  nextVault,
  type Asynchronous,
  type VaultChange,
  type VaultMembers,
} from '../../kms/vaults/vaults.ts'
import { ChangedMeanwhile } from '../changedMeanwhile.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { transferContext } from './transferContext.ts'
import { withinBudget } from '../withinBudget.ts'
import { keptReason } from './refusedTransfers.ts'

/**
 * A vault's link to its replica lives in the vault's own row: `replicaRegion`, `replicaStatus`, `handOffTo`, `fence`.
 * Beside it a row keeps what the end of an asynchronous operation needs: its audit event's beginning.
 */
export interface LinkRow extends Item {
  readonly begin: AuditEvent
  /** What the replica's region said, under its signature, that it keeps the keys in. */
  readonly replicaKeys?: 'token' | 'simulated'
}

export function linkKey({ id, fence }: Pick<VaultRow, 'id' | 'fence'>): { pk: string; sk: string } {
  return { pk: `link#${id}`, sk: String(fence).padStart(10, '0') }
}

/** Which vaults this region replicates, for whoever must look at all of them. */
export const linkedPk = 'linked'

export function linkedKey(vaultId: string): { pk: string; sk: string } {
  return { pk: linkedPk, sk: vaultId }
}

/** Answers as soon as the replica's creation is durable here; the rest goes on by messages and survives a crash. */
export async function createVaultReplica(
  ports: ReplicationPorts,
  mutation: Mutation,
  vault: Vault,
  replicaRegion: string,
): Promise<void> {
  const row = await changeVault(
    ports,
    mutation,
    vault,
    async (row) => creation(ports, row, replicaRegion, await isKept(ports, row)),
    storingEvent,
  )
  await startLink(ports, row)
}

/** Whether the present link was refused for good: whoever asks for it anew has what holds by then decide. */
async function isKept(ports: ReplicationPorts, row: VaultRow): Promise<boolean> {
  return row.replicaStatus === 'CREATING' && row.handOffTo === null && (await keptReason(ports, row)) !== undefined
}

function creation(
  ports: ReplicationPorts,
  row: VaultRow,
  replicaRegion: string,
  isKept: boolean,
): VaultChange | undefined {
  if (replicaRegion === ports.region || !ports.regions.includes(replicaRegion)) {
    const others = ports.regions.filter((region) => region !== ports.region)
    throw new KmsError(
      'invalidParameter',
      `replicaRegion must be another subscribed region: ${others.join(', ') || 'there is none'}.`,
    )
  }
  requireVaultState('CreateVaultReplica', row)
  if (row.replicaStatus === 'DELETING') {
    throw new KmsError(
      'incorrectState',
      `The replica in ${row.replicaRegion ?? ''} is being deleted; try again when it is gone.`,
    )
  }
  if (row.replicaRegion === replicaRegion && !isKept) return undefined
  if (row.replicaRegion !== null && row.replicaRegion !== replicaRegion) {
    throw new KmsError('conflict', `The vault has a replica in ${row.replicaRegion}; delete that one first.`)
  }
  if (!row.isVaultReplicable) {
    throw new KmsError(
      'conflict',
      'This vault cannot be replicated (isVaultReplicable is false); create a new vault and new keys in it.',
    )
  }
  return { set: { replicaRegion, replicaStatus: 'CREATING', handOffTo: null, fence: row.fence + 1 } }
}

/** The replica's copy goes away at once; the source and its keys stay as they are. */
export async function deleteVaultReplica(
  ports: ReplicationPorts,
  mutation: Mutation,
  vault: Vault,
  replicaRegion: string,
): Promise<void> {
  const row = await changeVault(
    ports,
    mutation,
    vault,
    (row) => {
      requireVaultState('DeleteVaultReplica', row)
      if (row.replicaRegion !== replicaRegion) {
        throw notFoundOrForbidden({ name: 'noReplica', vaultId: row.id, region: replicaRegion })
      }
      return row.replicaStatus === 'DELETING'
        ? undefined
        : { set: { replicaStatus: 'DELETING', handOffTo: null, fence: row.fence + 1 } }
    },
    storingEvent,
  )
  await startLink(ports, row)
}

/** The audit event of the request also goes beside the link: its end repeats who asked. */
const storingEvent: Asynchronous = {
  store: (row, begin) => [
    { op: 'put', table: 'Replication', item: { ...linkKey(row), begin } satisfies LinkRow },
    { op: 'put', table: 'Replication', item: linkedKey(row.id) },
  ],
}

/** How long the answer to a caller may wait for the first message; the stream says it again. */
const firstWordMs = 1_000

async function startLink(ports: ReplicationPorts, row: VaultRow): Promise<void> {
  try {
    await withinBudget(ports.timers, driveLink(ports, row), firstWordMs, row.replicaRegion ?? '')
  } catch (cause) {
    ports.log.warn('A link goes on in the background.', { vault: row.id, cause: String(cause) })
  }
}

/** Says the next word of a link that waits for its peer. Saying it again does no harm: the stream does. */
export async function driveLink(ports: ReplicationPorts, row: VaultRow): Promise<void> {
  const peer = row.replicaRegion
  if (peer === null || row.handOffTo !== null || row.primaryRegion !== ports.region) return
  const { id: vaultId, fence, tenancyId } = row
  const to = { region: peer, queue: 'inbox', tenancyId } as const
  if (row.replicaStatus === 'DELETING') return sendOrPark(ports, to, { kind: 'purge', vaultId, fence })
  await sendOrPark(ports, to, { kind: 'linkRequest', vaultId, fence, context: transferContext(row, peer) })
}

/** For the event that ends the replica's creation: where the keys went. */
export async function noteKeeper(
  { tables }: Pick<ReplicationPorts, 'tables'>,
  row: VaultRow,
  { keeper }: TransportOffer,
): Promise<void> {
  const key = linkKey(row)
  const link = (await tables.get('Replication', key.pk, key.sk)) as LinkRow | undefined
  const replicaKeys = keeper ?? 'simulated'
  if (link === undefined || link.replicaKeys === replicaKeys) return
  // Not where it went meanwhile: nothing is to be left of a link that is no more.
  const isAsItWas = { kind: 'fields', fields: { replicaKeys: link.replicaKeys ?? null } } as const
  await tables.write([{ op: 'put', table: 'Replication', item: { ...link, replicaKeys }, condition: isAsItWas }])
}

/** When the vault's present link was asked for, Unix milliseconds; undefined where nobody kept it. */
export async function linkBegunAt(
  { tables }: Pick<ReplicationPorts, 'tables'>,
  row: VaultRow,
): Promise<number | undefined> {
  const { pk, sk } = linkKey(row)
  const link = (await tables.get('Replication', pk, sk)) as LinkRow | undefined
  return link && Date.parse(link.begin.eventTime)
}

/** Ends an asynchronous operation: the vault's row, and the audit event that says so, in one transaction. */
export async function endLinkOperation(ports: ReplicationPorts, vault: Vault, change: VaultMembers): Promise<void> {
  const next = nextVault(ports, vault, change)
  const { pk, sk } = linkKey(vault.row)
  const link = (await ports.tables.get('Replication', pk, sk)) as LinkRow | undefined
  const { replicaRegion, replicaStatus } = next
  const { begin, replicaKeys } = link ?? {}
  const keys = replicaKeys === undefined ? {} : { replicaKeys }
  const current = { ...keys, replicaRegion, replicaStatus }
  const audit = begin === undefined ? [] : markedAuditWrites(endOf(begin, ports.clock(), ports.random, current))
  const outcome = await ports.tables.write([
    putOver('Vaults', next, vault.row),
    ...(next.replicaRegion === null ? [unlinked(next)] : []),
    ...audit,
  ])
  if (!outcome.ok) throw new ChangedMeanwhile(next.id)
  await finishChange(ports, { vault: { row: next, keys: vault.keys } })
}

function unlinked({ id }: VaultRow): Write {
  return { op: 'delete', table: 'Replication', ...linkedKey(id) }
}
