import type { VaultKeys, VaultKeysBackup } from '../../hsm/hsm.ts'
import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { isNestedAtMost } from '../../nesting.ts'
import { parseUniqueJson } from '../../parseUniqueJson.ts'
import type { KeyRow, KeyVersionRow, VaultRow, WrappingKeyRow } from '../rows/rows.ts'

/** A key as it was saved: its row and its enabled versions, each under the vault's row MAC, material under the vault's KEK. */
export interface SavedKey extends JsonObject {
  readonly key: KeyRow & JsonObject
  readonly versions: readonly (KeyVersionRow & JsonObject)[]
}

/** A saved row's tags lie deepest, at eight. */
const maxLevels = 64

interface Saved extends JsonObject {
  readonly region: string
  readonly tenancyId: string
  readonly timeCreated: string
  /** Over every other member, by the MAC key of the vault, base64. */
  readonly mac: string
}

/** A vault's keys under the tenancy's backup keys, and what they protect. */
export interface VaultBackup extends Saved {
  readonly format: 'vaultspan/vault-backup/1'
  readonly vault: VaultRow & JsonObject
  readonly vaultKeys: VaultKeysBackup & JsonObject
  readonly wrappingKey: (WrappingKeyRow & JsonObject) | null
  readonly keys: readonly SavedKey[]
}

/** One key. It opens only in its own vault, or in one that was restored from that. */
export interface KeyBackup extends Saved {
  readonly format: 'vaultspan/key-backup/1'
  readonly vaultId: string
  readonly saved: SavedKey
}

export type BackupDocument = VaultBackup | KeyBackup

/** Pure ASCII, because some clients decode a file as text before they hash it (contract §4.4). */
export function backupText<D extends BackupDocument>(keys: VaultKeys, document: Omit<D, 'mac'> & JsonObject): string {
  const mac = keys.rowMac(coveredText(document)).toString('base64')
  const text = JSON.stringify({ ...document, mac })
  return text.replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** @throws KmsError invalidParameter where the text is no backup of this format. Nothing is verified yet. */
export function parseBackup<D extends BackupDocument>(format: D['format'], text: string): D {
  let value: unknown
  try {
    value = parseUniqueJson(text)
  } catch {
    throw notABackup(format)
  }
  const document = value as Partial<D> | null
  const isIt = typeof document === 'object' && document?.format === format && typeof document.mac === 'string'
  // Everything after this walks the document by recursion.
  if (!isIt || !isNestedAtMost(document, maxLevels)) throw notABackup(format)
  return document as D
}

/** The vault or key of which a text says that it is a backup; undefined where it says nothing of the kind. */
export function subjectOf(text: string): string | undefined {
  let value: unknown
  try {
    value = parseUniqueJson(text)
  } catch {
    return undefined
  }
  const document = (value ?? {}) as {
    readonly format?: unknown
    readonly vault?: { readonly id?: unknown } | null
    readonly saved?: { readonly key?: { readonly id?: unknown } | null } | null
  }
  const id = document.format === 'vaultspan/vault-backup/1' ? document.vault?.id : document.saved?.key?.id
  return typeof id === 'string' ? id : undefined
}

/** @throws KmsError invalidParameter where a single bit of the file is not what was saved. */
export function requireIntact(keys: VaultKeys, document: BackupDocument): void {
  if (!keys.isRowMac(coveredText(document), Buffer.from(document.mac, 'base64'))) throw damaged()
}

function coveredText(document: JsonObject): string {
  const { mac: _mac, ...covered } = document
  return canonicalJson(covered)
}

function notABackup(format: BackupDocument['format']): KmsError {
  const kind = format === 'vaultspan/vault-backup/1' ? 'a vault' : 'a key'
  return new KmsError('invalidParameter', `The file is not a backup of ${kind} that this version reads.`)
}

/** One text for every backup that does not open, whatever the reason. */
export function damaged(): KmsError {
  return new KmsError('invalidParameter', 'The backup does not open: it is damaged, or it belongs to another tenancy.')
}
