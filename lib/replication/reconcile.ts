import type { Item } from '../ports.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { adoptKeys } from './adoptKeys.ts'
import { clearArrived } from './atRisk.ts'
import { tellAuditHeads } from './auditHeads.ts'
import { vaultSums } from './compare.ts'
import { fanOut } from './fanOut.ts'
import { isOwed } from './lane/parked.ts'
import { callDrain, isBeingDrained } from './lane/peerLane.ts'
import { linkedPk } from './link/links.ts'
import { rootOf, type LeafRange } from './messages/comparison.ts'
import { PeerUnreachable, send } from './messages/send.ts'
import { recountSome } from './recount.ts'
import { reconcileIdentity } from './tenancy/replicateIdentity.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** Where the next run goes on; absent: at the first vault. */
interface CursorRow extends Item {
  readonly after: string | null
}

const cursorKey = { pk: 'reconcile', sk: 'cursor' } as const
const vaultsAtOnce = 50
/** Less than the time-out of the function that runs this. */
const budgetMs = 20_000

/**
 * The last safety net: asks each replica whether its rows are this region's, by digests, so that equal vaults cost one
 * message each way. What differs is sent (mend.ts). So a change that neither the hand-off nor the stream brought over
 * arrives after all, and damage is found. It never deletes. A run ends within its budget, and the next goes on there.
 */
export async function reconcile(ports: ReplicationPorts): Promise<void> {
  await reconcileIdentity(ports)
  await tellAuditHeads(ports)
  for (const peer of ports.regions) {
    if (peer === ports.region) continue
    await clearArrived(ports, peer)
    if (await isOwed(ports.tables, peer)) await callDrain(ports, peer)
  }
  const end = ports.clock() + budgetMs
  const stored = (await ports.tables.get('Replication', cursorKey.pk, cursorKey.sk)) as CursorRow | undefined
  let after = stored?.after ?? null
  for (;;) {
    const request = { limit: vaultsAtOnce, ...(after === null ? {} : { after }) }
    const page = await ports.tables.query('Replication', linkedPk, '', request)
    for (const { sk: vaultId } of page.items) {
      await reconcileOne(ports, vaultId, end)
      after = vaultId
      if (ports.clock() >= end) return store(ports, after)
    }
    if (page.next === undefined) return store(ports, null)
  }
}

async function store({ tables }: ReplicationPorts, after: string | null): Promise<void> {
  const item: CursorRow = { ...cursorKey, after }
  await tables.write([{ op: 'put', table: 'Replication', item }])
}

async function reconcileOne(ports: ReplicationPorts, vaultId: string, end: number): Promise<void> {
  try {
    await fanOut(ports, { kind: 'vault', vaultId })
    const vault = await ports.cache.freshVault(vaultId)
    if (vault === undefined || vault.row.primaryRegion !== ports.region || vault.row.handOffTo === null) return
    while (!(await adoptKeys(ports, vault))) if (ports.clock() >= end) return
    await recountSome(ports, vault)
    if (!(await isBeingDrained(ports.tables, vault.row.handOffTo))) await ask(ports, vault)
  } catch (cause) {
    // One vault that cannot be read, or whose replica cannot be reached, holds up no other.
    if (cause instanceof PeerUnreachable)
      ports.log.warn('A vault is compared with its replica when that can be reached.', {
        vault: vaultId,
        cause: cause.message,
      })
    else ports.log.error('A vault could not be compared with its replica.', cause, { vault: vaultId })
  }
}

/** Asks the replica; `ranges`: for its keys in these places. @throws where it cannot be reached. */
export async function ask(ports: ReplicationPorts, vault: Vault, ranges?: readonly LeafRange[]): Promise<void> {
  const { id: vaultId, fence, tenancyId, handOffTo } = vault.row
  if (handOffTo === null) return
  const askedAt = ports.clock()
  const sums = await vaultSums(ports, vault)
  const question = { vaultId, fence, askedAt, vaultDigest: sums.vaultDigest, root: rootOf(sums.leaves) }
  await send(
    ports,
    { region: handOffTo, queue: 'inbox', tenancyId },
    {
      kind: 'compare',
      ...question,
      ...(ranges === undefined ? {} : { ranges }),
    },
  )
}
