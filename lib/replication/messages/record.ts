import { KmsError } from '../../errors.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import { isAtLeast, type Order } from '../../kms/rows/epoch.ts'
import type { Item, Tables } from '../../ports.ts'
import { requestSk } from '../../kms/mutation.ts'
import { materialIdOf } from '../../ocid.ts'
import { eachVersion } from '../../kms/rows/pages.ts'
import { versionSk, wrappingKeySk, type KeyRow, type KeyVersionRow, type VaultRow } from '../../kms/rows/rows.ts'

/** A vault's row as it stands, with its wrapping key and the retry token that made it. */
export interface VaultRecord {
  readonly format: 'vaultspan/vault-record/1'
  readonly vault: VaultRow & JsonObject
  /** null: its material is not made yet. */
  readonly wrappingKey: JsonObject | null
  readonly request: Item | null
}

/**
 * A key whole: its row, its current version always, and every version written after `from`. Where that is too much for
 * one message the versions come in several records, each covering (from, to]; the receiver says how far it is covered
 * without a gap.
 */
export interface KeyRecord {
  readonly format: 'vaultspan/key-record/1'
  readonly key: KeyRow & JsonObject
  readonly versions: readonly (KeyVersionRow & JsonObject)[]
  /** The order the peer is known to have; null: from the beginning. */
  readonly from: Order | null
  readonly to: Order
  readonly request: Item | null
}

/** One entry of a tenancy's identity log, in its dense sequence. */
export interface IdentityRecord {
  readonly format: 'vaultspan/identity-record/1'
  readonly entry: JsonObject
}

/** Leaves room for the other records and the signature in a message of at most 256,000 bytes. */
const maxRecordBytes = 120_000
/** A record is applied in one transaction of at most 100 writes. */
const maxRecordVersions = 90

export function orderOf({ epoch, revision }: Order): Order {
  return { epoch, revision }
}

export async function vaultRecord(tables: Pick<Tables, 'get'>, vault: VaultRow): Promise<VaultRecord> {
  const [wrappingKey, request] = await Promise.all([
    tables.get('Vaults', vault.id, wrappingKeySk),
    requestOf(tables, vault),
  ])
  // INVARIANT: the receiver checks the row under the vault's MAC key.
  return { format: 'vaultspan/vault-record/1', vault: { ...vault }, wrappingKey: wrappingKey ?? null, request }
}

/**
 * The records that bring a peer from `from` to the key's present state. `changed` saves reading the versions where the
 * caller knows that they are all that was written since.
 */
export async function keyRecords(
  tables: Pick<Tables, 'get' | 'query'>,
  key: KeyRow,
  from: Order | null,
  changed?: readonly KeyVersionRow[],
): Promise<readonly KeyRecord[]> {
  const request = await requestOf(tables, key)
  const versions = changed ?? (await versionsAfter(tables, key.id, from))
  const current = versions.find(({ id }) => id === key.currentKeyVersion) ?? (await currentVersion(tables, key))
  const records: KeyRecord[] = []
  let batch: KeyVersionRow[] = []
  let covered = from
  const flush = (to: Order) => {
    const others = batch.filter(({ id }) => id !== current.id)
    const rows = [...others, current].map((row) => ({ ...row }))
    records.push({
      format: 'vaultspan/key-record/1',
      key: { ...key },
      versions: rows,
      from: covered,
      to: orderOf(to),
      request,
    })
    covered = orderOf(to)
    batch = []
  }
  let bytes = 0
  for (const group of byRevision(versions)) {
    const size = JSON.stringify(group).length
    const last = batch.at(-1)
    if (last !== undefined && (bytes + size > maxRecordBytes || batch.length + group.length > maxRecordVersions)) {
      flush(last)
      bytes = 0
    }
    batch.push(...group)
    bytes += size
  }
  flush(key)
  return records
}

/** A cut between two versions of one revision would claim both, so they stay together. */
function byRevision(versions: readonly KeyVersionRow[]): readonly (readonly KeyVersionRow[])[] {
  const groups: KeyVersionRow[][] = []
  for (const version of versions) {
    const last = groups.at(-1)
    const [first] = last ?? []
    if (last !== undefined && first?.revision === version.revision && first.epoch === version.epoch) last.push(version)
    else groups.push([version])
  }
  return groups
}

async function versionsAfter(
  tables: Pick<Tables, 'query'>,
  keyId: string,
  from: Order | null,
): Promise<readonly KeyVersionRow[]> {
  const found: KeyVersionRow[] = []
  // INVARIANT: rows are checked by the receiver under the vault's MAC key before they are used.
  for await (const row of eachVersion(tables, keyId)) if (from === null || !isAtLeast(from, row)) found.push(row)
  return found.sort((a, b) => (a.epoch === b.epoch ? a.revision - b.revision : a.epoch < b.epoch ? -1 : 1))
}

async function currentVersion(tables: Pick<Tables, 'get'>, key: KeyRow): Promise<KeyVersionRow> {
  const current = await tables.get('Keys', key.id, versionSk(materialIdOf(key.currentKeyVersion) ?? ''))
  if (current === undefined) throw new KmsError('integrityFailure', `The current version of ${key.id} is missing.`)
  return current as unknown as KeyVersionRow
}

async function requestOf(tables: Pick<Tables, 'get'>, { request }: { request: string | null }): Promise<Item | null> {
  if (request === null) return null
  return (await tables.get('Requests', request, requestSk)) ?? null
}
