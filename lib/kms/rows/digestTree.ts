import { crc32 } from 'node:zlib'
import type { Item, PageRequest, Tables, Write } from '../../ports.ts'
import type { Order } from './epoch.ts'
import { eachItem } from './pages.ts'
import { noRows, replaced, type RowsDigest } from './rowsDigest.ts'

/**
 * Per vault and region, in the Replication table: an entry for each key, by primary key, and over the entries the sums of
 * 1,024 leaves. Both change in the transaction that changes the key, so that two regions compare a vault by its leaves
 * and whatever must see every key reads the entries: the listing index may lag. Without a MAC: it says where to look, and
 * the rows decide.
 */
export const leafCount = 1024

/** A key with its versions, as this region stores them. */
export interface TreeEntry extends Item {
  readonly epoch: string
  readonly revision: number
  readonly digest: RowsDigest
}

interface TreeLeaf extends Item {
  readonly revision: number
  readonly digest: RowsDigest
}

export function leafOf(keyId: string): number {
  return crc32(keyId) % leafCount
}

function leavesPk(vaultId: string): string {
  return `tree#${vaultId}`
}

const leafPrefix = 'leaf#'

function leafSk(leaf: number): string {
  return leafPrefix + String(leaf).padStart(4, '0')
}

function entriesPk(vaultId: string, leaf: number): string {
  return `tree#${vaultId}#${String(leaf).padStart(4, '0')}`
}

/**
 * What a change of a key adds to its transaction; `digest` undefined: the key is gone. The last write is the leaf's:
 * it alone can fail, where another key of the same leaf was changed meanwhile.
 */
export async function treeWrites(
  tables: Pick<Tables, 'get'>,
  vaultId: string,
  { id, epoch, revision, digest }: Order & { readonly id: string; readonly digest: RowsDigest | undefined },
): Promise<readonly Write[]> {
  const leaf = leafOf(id)
  const entryKey = { pk: entriesPk(vaultId, leaf), sk: id }
  const leafKey = { pk: leavesPk(vaultId), sk: leafSk(leaf) }
  const [entry, stored] = (await Promise.all([
    tables.get('Replication', entryKey.pk, entryKey.sk),
    tables.get('Replication', leafKey.pk, leafKey.sk),
  ])) as [TreeEntry | undefined, TreeLeaf | undefined]
  const sum = replaced(
    stored?.digest ?? noRows,
    entry === undefined ? [] : [entry.digest],
    digest === undefined ? [] : [digest],
  )
  const item: TreeLeaf = { ...leafKey, revision: (stored?.revision ?? 0) + 1, digest: sum }
  return [
    digest === undefined
      ? { op: 'delete', table: 'Replication', ...entryKey }
      : { op: 'put', table: 'Replication', item: { ...entryKey, epoch, revision, digest } satisfies TreeEntry },
    {
      op: 'put',
      table: 'Replication',
      item,
      condition: stored === undefined ? { kind: 'absent' } : { kind: 'revision', revision: stored.revision },
    },
  ]
}

export async function treeEntry(
  tables: Pick<Tables, 'get'>,
  vaultId: string,
  keyId: string,
): Promise<TreeEntry | undefined> {
  return (await tables.get('Replication', entriesPk(vaultId, leafOf(keyId)), keyId)) as TreeEntry | undefined
}

/** The sums of the leaves that have one, by number. */
export async function treeLeaves(tables: Pick<Tables, 'query'>, vaultId: string): Promise<ReadonlyMap<number, string>> {
  const leaves = new Map<number, string>()
  const read = (request: PageRequest) => tables.query('Replication', leavesPk(vaultId), leafPrefix, request)
  for await (const item of eachItem(read, { limit: 1000 })) {
    const { sk, digest } = item as TreeLeaf
    if (digest !== noRows) leaves.set(Number(sk.slice(leafPrefix.length)), digest)
  }
  return leaves
}

/** A place among a vault's keys in the order of the tree: after a key, or at the beginning of a leaf. */
export interface TreePlace {
  readonly leaf: number
  readonly after: string | null
}

export const treeStart: TreePlace = { leaf: 0, after: null }

export interface TreePage {
  readonly entries: readonly TreeEntry[]
  /** Undefined: the tree ends here. */
  readonly next?: TreePlace
}

/** Entries of one leaf, from a place on. */
export async function leafEntries(
  tables: Pick<Tables, 'query'>,
  vaultId: string,
  { leaf, after }: TreePlace,
  limit: number,
): Promise<{ readonly entries: readonly TreeEntry[]; readonly next?: string }> {
  const page = await tables.query('Replication', entriesPk(vaultId, leaf), '', {
    limit,
    ...(after === null ? {} : { after }),
  })
  return { entries: page.items as readonly TreeEntry[], ...(page.next === undefined ? {} : { next: page.next }) }
}

/** Up to about `limit` keys of a vault, every one of them, from a place on. */
export async function treePage(
  tables: Pick<Tables, 'query'>,
  vaultId: string,
  from: TreePlace,
  limit: number,
): Promise<TreePage> {
  const entries: TreeEntry[] = []
  const page = await tables.query('Replication', leavesPk(vaultId), leafPrefix, {
    limit,
    ...(from.leaf === 0 ? {} : { after: leafSk(from.leaf - 1) }),
  })
  for (const { sk } of page.items) {
    const leaf = Number(sk.slice(leafPrefix.length))
    if (entries.length >= limit) return { entries, next: { leaf, after: null } }
    let after = leaf === from.leaf ? from.after : null
    for (;;) {
      const part = await leafEntries(tables, vaultId, { leaf, after }, limit)
      entries.push(...part.entries)
      if (part.next === undefined) break
      after = part.next
      if (entries.length >= limit) return { entries, next: { leaf, after } }
    }
  }
  if (page.next === undefined) return { entries }
  return { entries, next: { leaf: Number(page.next.slice(leafPrefix.length)) + 1, after: null } }
}

/** How far the keys that 0.1.0 wrote, which made no entries, were entered; without `after` and whole: all of them. */
export interface TreeProgress extends Item {
  readonly isWhole: boolean
  readonly shard: number
  readonly after: string | null
}

const progressSk = 'progress'

/** For the transaction that makes a vault: every key of it will have its entry. */
export function wholeTree(vaultId: string): Write {
  return treeProgressWrite(vaultId, { isWhole: true, shard: 0, after: null })
}

export function treeProgressWrite(
  vaultId: string,
  progress: { readonly isWhole: boolean; readonly shard: number; readonly after: string | null },
): Write {
  const item: TreeProgress = { pk: leavesPk(vaultId), sk: progressSk, ...progress }
  return { op: 'put', table: 'Replication', item }
}

export async function treeProgress(tables: Pick<Tables, 'get'>, vaultId: string): Promise<TreeProgress | undefined> {
  return (await tables.get('Replication', leavesPk(vaultId), progressSk)) as TreeProgress | undefined
}

/** What is left of a tree whose entries are gone. */
export async function treeRemains(tables: Pick<Tables, 'query'>, vaultId: string): Promise<readonly Write[]> {
  const writes: Write[] = []
  const read = (request: PageRequest) => tables.query('Replication', leavesPk(vaultId), '', request)
  for await (const { pk, sk } of eachItem(read, { limit: 1000 })) {
    writes.push({ op: 'delete', table: 'Replication', pk, sk })
  }
  return writes
}
