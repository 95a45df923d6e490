import type { JsonObject } from '../canonicalJson.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import type { Order } from '../kms/rows/epoch.ts'
import { verifiedItem, itemWithMac, type ItemWithMac } from '../kms/rows/rowMac.ts'
import type { RowsDigest } from '../kms/rows/rowsDigest.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { putOver } from '../kms/mutation.ts'
import type { Write } from '../ports.ts'

/** What a replica has stored of a key: changes in the transaction that stores it. */
export interface Coverage {
  /** Of the stored versions. */
  readonly versions: RowsDigest
  /** The last state of which every row was there; what is missing since came after it. null: none yet. */
  readonly whole: Order | null
}

interface CoverageRow extends ItemWithMac {
  readonly format: 'vaultspan/coverage/2'
  readonly revision: number
  readonly versions: RowsDigest
  readonly whole: (Order & JsonObject) | null
}

const coverageSk = 'coverage'

function coverageKey(keyId: string): { readonly pk: string; readonly sk: string } {
  return { pk: `stored#${keyId}`, sk: coverageSk }
}

export interface StoredCoverage {
  /** Grows with every change of the key's rows here. */
  readonly revision: number
  /** Undefined where the row that stands is not this region's own: the key's rows are counted anew. */
  readonly versions: RowsDigest | undefined
  readonly whole: Order | null
}

export async function coverageOf(
  { tables }: Pick<KmsPorts, 'tables'>,
  { keys }: Vault,
  keyId: string,
): Promise<StoredCoverage | undefined> {
  const key = coverageKey(keyId)
  const stored = await tables.get('Replication', key.pk, key.sk)
  if (stored === undefined) return undefined
  const row = verifiedItem<CoverageRow>(keys, { format: 'vaultspan/coverage/2', ...key }, stored)
  return row ?? { revision: stored.revision ?? 0, versions: undefined, whole: null }
}

/** Holds only where the coverage is as it was read. */
export function coverageWrite(
  { keys }: Vault,
  keyId: string,
  known: StoredCoverage | undefined,
  { versions, whole }: Coverage,
): Write {
  const item = itemWithMac(keys, {
    ...coverageKey(keyId),
    format: 'vaultspan/coverage/2',
    revision: (known?.revision ?? 0) + 1,
    versions,
    whole: whole === null ? null : { epoch: whole.epoch, revision: whole.revision },
  })
  return putOver('Replication', item, known)
}

export function coverageDelete(keyId: string): Write {
  return { op: 'delete', table: 'Replication', ...coverageKey(keyId) }
}
