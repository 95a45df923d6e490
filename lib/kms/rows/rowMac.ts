import type { VaultContext, VaultKeys } from '../../hsm/hsm.ts'
import { canonicalObject, type JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { realm } from '../../ocid.ts'
import type { Item } from '../../ports.ts'
import { requireFormat } from '../../requireFormat.ts'
import {
  keyListingPartition,
  listingShards,
  vaultListingPartition,
  versionListingPartition,
  type KeyRow,
  type KeyVersionRow,
  type ListedRow,
  type RowWithMac,
  type VaultRow,
  type WrappingKeyRow,
} from './rows.ts'

/** Everything but what is derived from other fields (the listing) or belongs to one region's table (the write's id). */
const uncovered = new Set(['mac', 'gpk', 'byTime', 'byName', 'writeId'])

/** A row before its MAC is made: without that and its place in the listings. */
export type WithoutMac<R extends RowWithMac> = Omit<R, 'mac' | 'gpk' | 'byTime' | 'byName'>

export function vaultContext(row: Pick<VaultRow, 'tenancyId' | 'id' | 'vaultType'>): VaultContext {
  return { realm, tenancyId: row.tenancyId, vaultId: row.id, isPrivate: row.vaultType === 'VIRTUAL_PRIVATE' }
}

/** Adds the row MAC and the listing keys. Deterministic: two regions that compute the same row get the same bytes. */
export function vaultWithMac(keys: VaultKeys, row: WithoutMac<VaultRow>): VaultRow {
  return { ...row, ...listings[row.format](row), mac: macOf(keys, row) }
}

export function keyWithMac(keys: VaultKeys, row: WithoutMac<KeyRow>): KeyRow {
  return { ...row, ...listings[row.format](row), mac: macOf(keys, row) }
}

export function versionWithMac(keys: VaultKeys, row: WithoutMac<KeyVersionRow>): KeyVersionRow {
  return { ...row, ...listings[row.format](row), mac: macOf(keys, row) }
}

export function wrappingKeyWithMac(keys: VaultKeys, row: WithoutMac<WrappingKeyRow>): WrappingKeyRow {
  return { ...row, mac: macOf(keys, row) }
}

type Listing = Pick<ListedRow, 'gpk' | 'byTime' | 'byName'>

/** Where a row stands in the listing indexes: a row per format. */
const listings = {
  'vaultspan/vault/1': (row: WithoutMac<VaultRow>) => listing(vaultListingPartition(row.compartmentId), row),
  'vaultspan/key-row/1': (row: WithoutMac<KeyRow>) => listing(keyListingPartition(row.vaultId, shardOf(row.id)), row),
  'vaultspan/key-version-row/1': (row: WithoutMac<KeyVersionRow>) =>
    listing(versionListingPartition(row.keyId), { ...row, displayName: '' }),
  'vaultspan/wrapping-key-row/1': () => ({}),
} as const

/**
 * Checks the MAC and computes the listing keys anew, so that neither is taken on trust from a table or a queue.
 * @throws KmsError integrityFailure where the row was not written by a holder of the vault's MAC key.
 */
export function verifiedRow<R extends RowWithMac>(keys: VaultKeys, format: R['format'], stored: JsonObject): R {
  requireFormat(`The row ${JSON.stringify(stored['id'])}`, stored, format)
  const mac = Buffer.from(typeof stored['mac'] === 'string' ? stored['mac'] : '', 'base64')
  if (!keys.isRowMac(coveredText(stored), mac)) {
    throw new KmsError('integrityFailure', `The row MAC of ${JSON.stringify(stored['id'])} does not verify.`)
  }
  // INVARIANT: a row under a valid MAC was built by vaultWithMac, keyWithMac or versionWithMac, so it has the format's type.
  const row = stored as unknown as R
  return { ...row, ...(listings[format] as (row: R) => Partial<Listing>)(row) }
}

/** What a region keeps for itself about a vault, under the vault's MAC key and bound to its place in the table. */
export interface ItemWithMac extends Item {
  readonly format: string
  readonly mac: string
}

export function itemWithMac<I extends Item & { readonly format: string }>(keys: VaultKeys, item: I): I & ItemWithMac {
  return { ...item, mac: macOf(keys, item) }
}

/** The item of that format whose MAC was made for this very place; undefined for all else. */
export function verifiedItem<I extends ItemWithMac>(
  keys: VaultKeys,
  { format, pk, sk }: { readonly format: I['format']; readonly pk: string; readonly sk: string },
  stored: Item | undefined,
): I | undefined {
  if (stored?.['format'] !== format || stored.pk !== pk || stored.sk !== sk) return undefined
  const mac = Buffer.from(typeof stored['mac'] === 'string' ? stored['mac'] : '', 'base64')
  return keys.isRowMac(coveredText(stored), mac) ? (stored as unknown as I) : undefined
}

function macOf(keys: VaultKeys, row: object): string {
  return keys.rowMac(coveredText(row as JsonObject)).toString('base64')
}

function coveredText(row: JsonObject): string {
  return canonicalObject(row, uncovered)
}

/** An index sort key has at most 1,024 bytes. */
const maxNameInSortKey = 200

function listing(gpk: string, row: { id: string; timeCreated: string; displayName: string }): Listing {
  return {
    gpk,
    byTime: `${row.timeCreated}#${row.id}`,
    // The cut may fall between the halves of a character.
    byName: `${row.displayName.slice(0, maxNameInSortKey).toWellFormed()}#${row.id}`,
  }
}

/** The last characters of an OCID are random; two of them spread evenly over the shards. */
function shardOf(id: string): number {
  return (id.charCodeAt(id.length - 1) + id.charCodeAt(id.length - 2) * 7) % listingShards
}
