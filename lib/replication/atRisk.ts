import type { Order } from '../kms/rows/epoch.ts'
import { eachItem } from '../kms/rows/pages.ts'
import type { Item, Page, PageRequest, Tables } from '../ports.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { coveredOrder } from './messages/receipts.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** A change that was answered without being in its replica's inbox: the loss of this region would take it along. */
export interface AtRiskRow extends Item {
  readonly vaultId: string
  readonly epoch: string
  readonly revision: number
  /** Unix milliseconds: of the first of the resource's changes that are at risk. */
  readonly since: number
}

export function atRiskPk(peer: string): string {
  return `atRisk#${peer}`
}

export async function listAtRisk(tables: Pick<Tables, 'query'>, peer: string, limit: number): Promise<Page> {
  return riskPage(tables, peer, { limit })
}

export async function riskPage(tables: Pick<Tables, 'query'>, peer: string, request: PageRequest): Promise<Page> {
  return tables.query('Replication', atRiskPk(peer), '', request)
}

export async function markAtRisk(
  tables: Tables,
  vault: Vault,
  peer: string,
  resource: Order & { readonly id: string },
  now: number,
): Promise<void> {
  const { epoch, revision, id } = resource
  const known = (await tables.get('Replication', atRiskPk(peer), id)) as AtRiskRow | undefined
  const since = Math.min(known?.since ?? now, now)
  const row: AtRiskRow = { pk: atRiskPk(peer), sk: id, vaultId: vault.row.id, epoch, revision, since }
  // An older mark stays where a newer one stands already.
  await tables.write([{ op: 'put', table: 'Replication', item: row, condition: { kind: 'newer', epoch, revision } }])
  // The receipt, or the end of the link, may have come in between, and no other will take the mark away.
  const covered = (await hasLink(tables, vault, peer)) ? await coveredOrder(tables, vault, id) : row
  if (covered !== null) await clearAtRisk(tables, peer, id, covered)
}

/** Whether the vault's replica is still the one that it had. */
async function hasLink(tables: Pick<Tables, 'get'>, { row }: Vault, peer: string): Promise<boolean> {
  const stored = await tables.get('Vaults', row.pk, row.sk)
  return stored?.['fence'] === row.fence && stored['handOffTo'] === peer
}

const marksAtOnce = 500

/** Takes away what a crash between a mark and the look for its receipt has left: reconciliation calls it. */
export async function clearArrived(ports: Pick<ReplicationPorts, 'tables' | 'cache'>, peer: string): Promise<void> {
  const { items } = await listAtRisk(ports.tables, peer, marksAtOnce)
  for (const { sk, vaultId } of items as readonly AtRiskRow[]) {
    const vault = await ports.cache.freshVault(vaultId)
    const covered = vault === undefined ? null : await coveredOrder(ports.tables, vault, sk)
    if (covered !== null) await clearAtRisk(ports.tables, peer, sk, covered)
  }
}

/** What a replica that is gone did not get is at no risk any more: the vault has none. */
export async function clearRisksOf(
  tables: Pick<Tables, 'get' | 'query' | 'write'>,
  peer: string,
  vaultId: string,
): Promise<void> {
  const read = (request: PageRequest) => tables.query('Replication', atRiskPk(peer), '', request)
  for await (const mark of eachItem(read, { limit: 1000 })) {
    const { sk, vaultId: of, epoch, revision } = mark as AtRiskRow
    if (of === vaultId) await clearAtRisk(tables, peer, sk, { epoch, revision })
  }
}

/** Takes the mark away once the peer has what was at risk. */
export async function clearAtRisk(
  tables: Pick<Tables, 'get' | 'write'>,
  peer: string,
  id: string,
  covered: Order,
): Promise<void> {
  const row = (await tables.get('Replication', atRiskPk(peer), id)) as AtRiskRow | undefined
  if (
    row === undefined ||
    row.epoch > covered.epoch ||
    (row.epoch === covered.epoch && row.revision > covered.revision)
  )
    return
  await tables.write([
    {
      op: 'delete',
      table: 'Replication',
      pk: row.pk,
      sk: row.sk,
      condition: { kind: 'revision', revision: row.revision },
    },
  ])
}
