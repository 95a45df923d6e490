import { isKmsError } from '../errors.ts'
import type { Item } from '../ports.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { listAtRisk } from './atRisk.ts'
import { linkState, type LinkState } from './compared.ts'
import { linkedPk } from './link/links.ts'
import { hasRefused } from './link/refusedTransfers.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** A vault of this region and how it stands with its replica. */
export interface ReportedLink extends LinkState {
  readonly vaultId: string
  readonly peer: string
  /** The vault's keys are not sent there: the audit says why. */
  readonly isRefused?: true
}

type ReportPorts = Pick<ReplicationPorts, 'tables' | 'cache' | 'lag'>

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
    const refused = isBeingMade && (await hasRefused(ports, vault.row)) ? ({ isRefused: true } as const) : {}
    reported.push({ vaultId, peer, ...refused, ...(await linkState(ports, vault, unsent)) })
  }
  return reported
}

const maxAtRisk = 1000

/** One vault that does not verify, or that the HSM does not open, hides no other; whoever uses it is told. */
async function readable({ cache }: ReportPorts, vaultId: string): Promise<Vault | undefined> {
  try {
    return await cache.freshVault(vaultId)
  } catch (cause) {
    if (isKmsError(cause, 'integrityFailure', 'unavailable')) return undefined
    throw cause
  }
}
