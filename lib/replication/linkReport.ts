import { isKmsError } from '../errors.ts'
import type { Item } from '../ports.ts'
import type { VaultRow } from '../kms/rows/rows.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { listAtRisk } from './atRisk.ts'
import { linkState, type LinkState } from './compared.ts'
import { linkBegunAt, linkedPk } from './link/links.ts'
import { hasRefused } from './link/refusedTransfers.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** A vault of this region and how it stands with its replica. */
export interface ReportedLink extends LinkState {
  readonly vaultId: string
  readonly peer: string
  /** The vault's keys are not sent there: the audit says why. */
  readonly isRefused?: true
  /** Its replica was asked for some minutes ago, and the peer has not taken the keys. */
  readonly isNotTaken?: true
}

export type ReportPorts = Pick<ReplicationPorts, 'tables' | 'cache' | 'lag' | 'clock'>

/** The first `limit` vaults that this region replicates, by their OCIDs. */
export async function linkReport(ports: ReportPorts, limit: number): Promise<readonly ReportedLink[]> {
  const { items } = await ports.tables.query('Replication', linkedPk, '', { limit })
  const atRisk = new Map<string, readonly Item[]>()
  const reported: ReportedLink[] = []
  for (const { sk: vaultId } of items) {
    const vault = await readable(ports, vaultId)
    const peer = vault?.row.replicaRegion
    if (vault === undefined || peer == null) continue
    const unsent = atRisk.get(peer) ?? (await listAtRisk(ports.tables, peer, maxAtRisk)).items
    atRisk.set(peer, unsent)
    const { replicaStatus, handOffTo } = vault.row
    const isBeingMade = replicaStatus === 'CREATING' && handOffTo === null
    const stuck = isBeingMade ? await stuckBy(ports, vault.row) : {}
    reported.push({ vaultId, peer, ...stuck, ...(await linkState(ports, vault, unsent)) })
  }
  return reported
}

const maxAtRisk = 1000
/** Some attempts: there is one a minute. */
const takenWithinMs = 3 * 60_000

/** Of a replica whose region has not said that it has the keys. */
async function stuckBy(ports: ReportPorts, row: VaultRow): Promise<Pick<ReportedLink, 'isRefused' | 'isNotTaken'>> {
  if (await hasRefused(ports, row)) return { isRefused: true }
  const begunAt = await linkBegunAt(ports, row)
  return begunAt !== undefined && ports.clock() - begunAt > takenWithinMs ? { isNotTaken: true } : {}
}

/** One vault that does not verify, or that the HSM does not open, hides no other; whoever uses it is told. */
async function readable({ cache }: ReportPorts, vaultId: string): Promise<Vault | undefined> {
  try {
    return await cache.freshVault(vaultId)
  } catch (cause) {
    if (isKmsError(cause, 'integrityFailure', 'unavailable')) return undefined
    throw cause
  }
}
