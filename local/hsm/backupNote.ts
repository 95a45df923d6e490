import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import type { TokenCopies } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import { keptKey } from '../../lib/hsm/pkcs11/ceremony/tokenCustody.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** What the last backup for the custodians has of a region's HSM, so that whatever came since is known. Nothing of it is secret. */
const schema = v.object({
  format: v.literal('vaultspan/hsm-backup-note/1'),
  ceremony: v.string(),
  /** When the backup was made. */
  at: v.string(),
  /** Of each key that it has (keptKey, keptInState). */
  kept: v.array(v.string()),
})

export interface BackupNote extends Omit<v.InferOutput<typeof schema>, 'format' | 'kept'> {
  readonly kept: readonly string[]
}

/** No JSON file by its name: the states beside it are told by that. */
function noteFile(data: string, region: string): string {
  return join(data, 'hsm', `${region}.backed-up`)
}

/** Undefined where there was no backup, or nobody knows what it has. */
export function backupNote(data: string, region: string): BackupNote | undefined {
  const file = noteFile(data, region)
  if (!existsSync(file)) return undefined
  try {
    return v.parse(schema, parseJson(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

export function noteBackup(data: string, region: string, note: BackupNote): void {
  writeFileDurably(noteFile(data, region), JSON.stringify({ format: schema.entries.format.literal, ...note }), {
    mode: 0o600,
  })
}

/** What a backup has: of tokens their copies, of a simulated region what its state holds. */
export function keptIn(state: string | null, tokens: readonly TokenCopies[]): readonly string[] {
  if (tokens.length > 0)
    return tokens.flatMap(({ label, keys }) => keys.map(({ label: key, copy }) => keptKey(label, key, copy)))
  return state === null ? [] : keptInState(state)
}

const keys = v.object({
  root: v.string(),
  formerRoot: v.exactOptional(v.string()),
  tenancies: v.record(v.string(), v.object({ rootKey: v.exactOptional(v.string()) })),
})

/** Of `hsm/REGION.json` of a simulated region. Hashes: the state has the keys themselves. */
export function keptInState(state: string): readonly string[] {
  if (state === '') return []
  const { root, formerRoot, tenancies } = v.parse(keys, parseJson(state))
  const held = [root, formerRoot, ...Object.values(tenancies).map(({ rootKey }) => rootKey)]
  return held.flatMap((key) => (key === undefined ? [] : [hash('sha256', key)]))
}
