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
 * A key's row, its current version always, and every version that the peer is not known to have. It claims nothing: the
 * key's row carries the digest of all its versions, so the receiver itself finds out whether it has them.
 */
export interface KeyRecord {
  readonly format: 'vaultspan/key-record/2'
  readonly key: KeyRow & JsonObject
  readonly versions: readonly (KeyVersionRow & JsonObject)[]
  /** False: more records of this key follow, so what is missing after this one is no gap. */
  readonly isLast: boolean
  readonly request: Item | null
}

/** As 0.1.0 sent it, with a claim to be whole that is not believed. */
export type OldKeyRecord = Omit<KeyRecord, 'format' | 'isLast'> & { readonly format: 'vaultspan/key-record/1' }

/** What a message of records holds. */
export type RecordBody = KeyRecord | OldKeyRecord | VaultRecord

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

export interface RecordOptions {
  /** The order up to which the peer is known to be whole; null: nothing is known. */
  readonly whole: Order | null
  /** Rows of the change itself: they may not stand in the table yet, where they are newer than what does. */
  readonly changed?: readonly KeyVersionRow[]
  /** Whether `changed` is all that the peer can be missing, so that the table need not be read. */
  readonly isAll?: boolean
}

/** The records that bring a peer to the key's present state. */
export async function keyRecords(
  tables: Pick<Tables, 'get' | 'query'>,
  key: KeyRow,
  { whole, changed = [], isAll = false }: RecordOptions,
): Promise<readonly KeyRecord[]> {
  const request = await requestOf(tables, key)
  const versions = isAll ? changed : newestOf(await versionsAfter(tables, key.id, whole), changed)
  const current = versions.find(({ id }) => id === key.currentKeyVersion) ?? (await currentVersion(tables, key))
  const others = versions.filter(({ id }) => id !== current.id)
  const parts = batched(others)
  return parts.map((part, index) => ({
    format: 'vaultspan/key-record/2',
    key: { ...key },
    versions: [...part, current].map((row) => ({ ...row })),
    isLast: index === parts.length - 1,
    request,
  }))
}

/** One row of each version: the later one of those given. */
function newestOf(stored: readonly KeyVersionRow[], changed: readonly KeyVersionRow[]): readonly KeyVersionRow[] {
  const rows = new Map(stored.map((row) => [row.sk, row]))
  for (const row of changed) {
    const known = rows.get(row.sk)
    if (known === undefined || !isAtLeast(known, row)) rows.set(row.sk, row)
  }
  return [...rows.values()]
}

/** At least one batch, which may be empty. */
function batched(versions: readonly KeyVersionRow[]): readonly (readonly KeyVersionRow[])[] {
  const batches: KeyVersionRow[][] = [[]]
  let bytes = 0
  for (const version of versions) {
    const size = JSON.stringify(version).length
    const last = batches.at(-1)
    if (
      last !== undefined &&
      (last.length === 0 || (bytes + size <= maxRecordBytes && last.length < maxRecordVersions))
    ) {
      last.push(version)
      bytes += size
    } else {
      batches.push([version])
      bytes = size
    }
  }
  return batches
}

async function versionsAfter(
  tables: Pick<Tables, 'query'>,
  keyId: string,
  whole: Order | null,
): Promise<readonly KeyVersionRow[]> {
  const found: KeyVersionRow[] = []
  // INVARIANT: rows are checked by the receiver under the vault's MAC key before they are used.
  for await (const row of eachVersion(tables, keyId)) if (whole === null || !isAtLeast(whole, row)) found.push(row)
  return found
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
