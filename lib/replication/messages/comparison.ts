import { hash } from 'node:crypto'
import type { TreeEntry, TreePlace } from '../../kms/rows/digestTree.ts'
import type { Order } from '../../kms/rows/epoch.ts'
import type { Item } from '../../ports.ts'
import type { VaultRow } from '../../kms/rows/rows.ts'

/** Part of a leaf: its keys after a place. */
export type LeafRange = TreePlace

/** The primary asks whether the replica's rows are its own. */
export interface Comparison {
  readonly vaultId: string
  readonly fence: number
  /** The primary's clock, for itself: what the replica acknowledged before it asked must be in the answer. */
  readonly askedAt: number
  /** Of the vault's own rows, and of all leaves. */
  readonly vaultDigest: string
  readonly root: string
  /** Where the leaves differ: the replica tells its keys there. */
  readonly ranges?: readonly LeafRange[]
}

/** The keys that the replica has in part of a leaf, in their order, up to and including `through`; null: to its end. */
export interface RangeAnswer extends LeafRange {
  readonly through: string | null
  readonly keys: readonly (Order & { readonly id: string; readonly digest: string })[]
}

export interface Compared {
  readonly vaultId: string
  readonly fence: number
  readonly askedAt: number
  readonly vaultDigest: string
  readonly isEqual: boolean
  /** By leaf number, where the roots differ and no ranges were asked for. */
  readonly leaves?: Readonly<Record<string, string>>
  readonly ranges?: readonly RangeAnswer[]
  /** What was asked for and did not fit into this answer. */
  readonly left?: readonly LeafRange[]
}

/** A digest as it travels: 128 bits tell two sums apart that nobody chose. */
export function shortDigest(digest: string): string {
  return hash('sha256', digest, 'base64url').slice(0, 22)
}

export function rootOf(leaves: ReadonlyMap<number, string>): string {
  const sorted = [...leaves].sort(([a], [b]) => a - b)
  return hash('sha256', JSON.stringify(sorted), 'base64url')
}

export function vaultDigest(vault: VaultRow, wrappingKey: Item | undefined): string {
  return hash('sha256', JSON.stringify([vault.mac, wrappingKey?.['mac'] ?? null]), 'base64url')
}

export function answeredKey({ sk, epoch, revision, digest }: TreeEntry): RangeAnswer['keys'][number] {
  return { id: sk, epoch, revision, digest: shortDigest(digest) }
}
