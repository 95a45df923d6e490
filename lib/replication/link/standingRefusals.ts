import { isKmsError } from '../../errors.ts'
import type { VaultRow } from '../../kms/rows/rows.ts'
import type { Item } from '../../ports.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { knownFence } from './fence.ts'
import type { Transfer } from './refusedTransfers.ts'

/** Why a region takes no part in bringing a vault's keys to its replica. */
export interface Refusal {
  /** keptInToken: a setting keeps them in the token; noFreeToken: the destination's pool is empty. */
  readonly why: 'keptInToken' | 'noFreeToken' | 'refused'
  /** One or two sentences for the operator. */
  readonly reason: string
}

/** A replica that does not come because this region refuses its keys, on their way out or in. */
export interface StandingRefusal extends Refusal {
  readonly vaultId: string
  readonly source: string
  readonly destination: string
}

interface StandingRow extends Item, StandingRefusal {
  readonly fence: number
}

const standingPk = 'standingRefusals'

/** It is tried again each minute; what is asked for no more is told no more. */
const askedWithinSeconds = 180

/** For whoever looks at the region. Of the backup keys, which no replica waits for, the log and the audit tell. */
export async function noteRefusal(
  { tables, clock }: Pick<ReplicationPorts, 'tables' | 'clock'>,
  { tenancyId, resourceId: vaultId, fence, source, destination }: Transfer,
  refusal: Refusal,
): Promise<void> {
  if (vaultId === tenancyId) return
  const expiresAt = Math.ceil(clock() / 1000) + askedWithinSeconds
  const item: StandingRow = { pk: standingPk, sk: vaultId, vaultId, fence, source, destination, ...refusal, expiresAt }
  await tables.write([{ op: 'put', table: 'Replication', item }])
}

type Ports = Pick<ReplicationPorts, 'tables' | 'cache' | 'region'>

/** The first of them, by their vaults. */
export async function standingRefusals(ports: Ports, limit = 100): Promise<readonly StandingRefusal[]> {
  const { items } = await ports.tables.query('Replication', standingPk, '', { limit })
  const standing: StandingRefusal[] = []
  for (const row of items as readonly StandingRow[]) {
    const { vaultId, source, destination, why, reason } = row
    if (await stands(ports, row)) standing.push({ vaultId, source, destination, why, reason })
  }
  return standing
}

/** Whether the link that was refused is still to be made. */
async function stands(ports: Ports, { vaultId, fence, source, destination }: StandingRow): Promise<boolean> {
  const row = await readableRow(ports, vaultId)
  if (source === ports.region)
    return row?.fence === fence && row.replicaRegion === destination && row.handOffTo === null
  if (((await knownFence(ports.tables, vaultId)) ?? 0) > fence) return false
  if (row === undefined || row.lifecycleState === 'DELETED') return true
  return row.primaryRegion === source && row.fence < fence
}

/** One that does not verify, or does not open, is told of elsewhere. */
async function readableRow({ cache }: Ports, vaultId: string): Promise<VaultRow | undefined> {
  try {
    return (await cache.freshVault(vaultId))?.row
  } catch (cause) {
    if (isKmsError(cause, 'integrityFailure', 'unavailable')) return undefined
    throw cause
  }
}
