import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import { isAtLeast, type Order } from '../../kms/rows/epoch.ts'
import type { Item, Tables } from '../../ports.ts'
import { verifiedItem, itemWithMac, type ItemWithMac } from '../../kms/rows/rowMac.ts'
import type { RowsDigest } from '../../kms/rows/rowsDigest.ts'
import type { Vault } from '../../kms/vaultCache.ts'
import { merkleRoot, merkleTree } from './merkle.ts'

/** What a region has stored of a vault or key that another region sent. */
export interface Receipt {
  readonly vaultId: string
  readonly resourceId: string
  readonly fence: number
  /** Grows with whatever changes in the stored rows: the later of two receipts has the larger one. Absent in those of 0.1.0. */
  readonly sequence?: number
  /** The last state of which this region had every row; epoch '' and revision 0 where there was none. */
  readonly covered: Order
  /** The row MAC of the stored vault or key row: equal where the content is. */
  readonly digest: string
  /** Of the key's versions as they are stored; null for a vault, which has none. */
  readonly versions?: RowsDigest | null
  /** The sender's own time of commit, for its measurement of lag. */
  readonly committedAt: number
  /** True where rows are missing here: the sender sends again whatever came after `covered`. */
  readonly isGap: boolean
}

export interface Receipts {
  readonly root: string
  readonly receipts: readonly { readonly receipt: Receipt; readonly path: readonly string[] }[]
}

export function receiptBatch(receipts: readonly Receipt[]): Receipts {
  const { root, paths } = merkleTree(receipts.map(receiptText))
  return { root, receipts: receipts.map((receipt, index) => ({ receipt, path: paths[index] ?? [] })) }
}

export function provesAll({ root, receipts }: Receipts): boolean {
  const texts = receipts.map(({ receipt }) => receiptText(receipt))
  // As a rule they come as they were batched: then one tree proves all of them, with a third of the hashes.
  const tree = merkleTree(texts)
  const isSameTree = tree.root === root && receipts.every(({ path }, index) => isSamePath(path, tree.paths[index]))
  return isSameTree || receipts.every(({ path }, index) => merkleRoot(texts[index] ?? '', path) === root)
}

function isSamePath(path: readonly string[], other: readonly string[] = []): boolean {
  return path.length === other.length && path.every((step, index) => step === other[index])
}

/** The text of a receipt that its batch's root is made of. */
export function receiptText(receipt: Receipt): string {
  return canonicalJson({ ...receipt, covered: { ...receipt.covered } })
}

/**
 * A receipt in the sender's Replication table: outside every row it speaks of, so it touches neither etag nor revision.
 * Put under a MAC once its signature was verified. The later of two is told by (fence, sequence): a replica made anew begins anew.
 */
export interface ReceiptRow extends ItemWithMac {
  readonly format: 'vaultspan/receipt-row/2'
  /** The fence, as text that sorts. */
  readonly epoch: string
  /** The receipt's sequence. */
  readonly revision: number
  readonly receipt: Receipt & JsonObject
  /** From the commit here to this receipt. */
  readonly lagMs: number
  readonly receivedAt: number
  readonly path: readonly string[]
  /** What was signed over the batch's root, and by whom. */
  readonly proof: JsonObject
}

function receiptKey(resourceId: string, peer: string): { readonly pk: string; readonly sk: string } {
  return { pk: `arrival#${resourceId}`, sk: peer }
}

function fenceText(fence: number): string {
  return String(fence).padStart(10, '0')
}

export function receiptRow(
  { keys }: Vault,
  peer: string,
  receipt: Receipt,
  { path, proof, now }: { path: readonly string[]; proof: JsonObject; now: number },
): ReceiptRow {
  return itemWithMac(keys, {
    ...receiptKey(receipt.resourceId, peer),
    format: 'vaultspan/receipt-row/2',
    epoch: fenceText(receipt.fence),
    revision: receipt.sequence ?? 0,
    receipt: { ...receipt, covered: { ...receipt.covered } },
    lagMs: Math.max(0, now - receipt.committedAt),
    receivedAt: now,
    path,
    proof,
  })
}

/** The last receipt of the vault's present replica for a resource; undefined: none, or only of an earlier replica. */
export async function lastReceipt(
  tables: Pick<Tables, 'get'>,
  { row, keys }: Vault,
  resourceId: string,
): Promise<ReceiptRow | undefined> {
  if (row.replicaRegion === null) return undefined
  const key = receiptKey(resourceId, row.replicaRegion)
  const stored: Item | undefined = await tables.get('Replication', key.pk, key.sk)
  const receipt = verifiedItem<ReceiptRow>(keys, { format: 'vaultspan/receipt-row/2', ...key }, stored)
  return receipt?.epoch === fenceText(row.fence) ? receipt : undefined
}

/** How far the vault's present replica is known to have every row of a resource; null: nothing is known. */
export async function coveredOrder(
  tables: Pick<Tables, 'get'>,
  vault: Vault,
  resourceId: string,
): Promise<Order | null> {
  const covered = (await lastReceipt(tables, vault, resourceId))?.receipt.covered
  return covered === undefined || covered.revision === 0 ? null : covered
}

export async function isCovered(
  tables: Pick<Tables, 'get'>,
  vault: Vault,
  resource: Order & { id: string },
): Promise<boolean> {
  return isAtLeast((await coveredOrder(tables, vault, resource.id)) ?? undefined, resource)
}
