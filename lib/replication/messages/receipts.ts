import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import { isAtLeast, type Order } from '../../kms/rows/epoch.ts'
import type { Item, Tables } from '../../ports.ts'
import type { VaultRow } from '../../kms/rows/rows.ts'
import { merkleRoot, merkleTree } from './merkle.ts'

/** What a region has stored of a vault or key that another region sent. */
export interface Receipt {
  readonly vaultId: string
  readonly resourceId: string
  readonly fence: number
  /** Without a gap up to here. */
  readonly covered: Order
  /** The row MAC of the stored vault or key row: equal where the content is. */
  readonly digest: string
  /** The sender's own time of commit, for its measurement of lag. */
  readonly committedAt: number
  /** True where the record left out something that is missing here: the sender sends again from `covered`. */
  readonly isGap: boolean
}

export interface Receipts {
  readonly root: string
  readonly receipts: readonly { readonly receipt: Receipt; readonly path: readonly string[] }[]
}

export function receiptBatch(receipts: readonly Receipt[]): Receipts {
  const { root, paths } = merkleTree(receipts.map(leafOf))
  return { root, receipts: receipts.map((receipt, index) => ({ receipt, path: paths[index] ?? [] })) }
}

export function provesAll({ root, receipts }: Receipts): boolean {
  return receipts.every(({ receipt, path }) => merkleRoot(leafOf(receipt), path) === root)
}

function leafOf(receipt: Receipt): string {
  return canonicalJson({ ...receipt, covered: { ...receipt.covered } })
}

/** A receipt in the sender's Replication table: outside every row it speaks of, so it touches neither etag nor revision. */
export interface ReceiptRow extends Item {
  readonly epoch: string
  readonly revision: number
  readonly fence: number
  readonly digest: string
  readonly lagMs: number
  readonly path: readonly string[]
  readonly proof: JsonObject
}

function receiptPk(resourceId: string): string {
  return `receipt#${resourceId}`
}

export function receiptRow(
  peer: string,
  receipt: Receipt,
  path: readonly string[],
  proof: JsonObject,
  now: number,
): ReceiptRow {
  const { resourceId, fence, covered, digest, committedAt } = receipt
  return {
    pk: receiptPk(resourceId),
    sk: peer,
    ...covered,
    fence,
    digest,
    lagMs: Math.max(0, now - committedAt),
    path,
    proof,
  }
}

/** How far the vault's present replica is known to have a resource; null: nothing is known, or only of an earlier replica. */
export async function coveredOrder(
  tables: Pick<Tables, 'get'>,
  vault: VaultRow,
  resourceId: string,
): Promise<Order | null> {
  const peer = vault.replicaRegion
  if (peer === null) return null
  const row = (await tables.get('Replication', receiptPk(resourceId), peer)) as ReceiptRow | undefined
  return row?.fence === vault.fence ? { epoch: row.epoch, revision: row.revision } : null
}

export async function isCovered(
  tables: Pick<Tables, 'get'>,
  vault: VaultRow,
  resource: Order & { id: string },
): Promise<boolean> {
  return isAtLeast((await coveredOrder(tables, vault, resource.id)) ?? undefined, resource)
}
