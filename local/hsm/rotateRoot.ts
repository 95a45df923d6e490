import { existsSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { TransportKey, VaultContext, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { backupContext } from '../../lib/kms/backup/backupKeys.ts'
import { vaultContext } from '../../lib/kms/rows/rowMac.ts'
import { vaultSk, type VaultRow } from '../../lib/kms/rows/rows.ts'
import { vaultKeysSk, type VaultKeysRow } from '../../lib/kms/vaultCache.ts'
import { transportPk } from '../../lib/kms/vaults/partition.ts'
import { keysStored } from '../../lib/kms/vaults/storingKeys.ts'
import type { Item, TableName, Tables, Write } from '../../lib/ports.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { messageOf, UserError } from '../../lib/userError.ts'
import type { Region } from '../region/region.ts'
import { chosenRegions } from '../names/chosenRegions.ts'
import { personsLine } from '../personsLine.ts'
import { typed } from '../typed.ts'
import { recoveryFile } from './recoveryFile.ts'

type Rotated = Pick<Region, 'name' | 'hsm' | 'store'>

/** At most so many rows are wrapped anew, or found to be so already, in one turn of the event loop: what they write commits together. */
export const rowsATurn = 8
/** Milliseconds. Once a turn has taken so long no further row begins in it: requests come first. */
export const turnMs = 5

/** Milliseconds, from anywhere on. */
type Now = () => number

const underWay = new WeakMap<object, Promise<number>>()

/**
 * Gives the region a new root and wraps everything anew that the former one wrapped, while the region serves; the former root
 * is destroyed once two looks at all rows found nothing under it. One that was cut off goes on. Resolves with how many were
 * wrapped anew. @throws UserError where a row opens under neither root: then both stay.
 */
export function rotateRoot(region: Rotated, now: Now = () => performance.now()): Promise<number> {
  const known = underWay.get(region.hsm)
  if (known !== undefined) return known
  const rotation = rotate(region, now).finally(() => underWay.delete(region.hsm))
  underWay.set(region.hsm, rotation)
  return rotation
}

async function rotate(region: Rotated, now: Now): Promise<number> {
  const { hsm } = region
  await hsm.rotation.begin()
  let total = 0
  for (let clean = 0; clean < 2;) {
    // What was wrapped before and is not stored yet would be missed; what was read before is written again.
    await keysStored(hsm)
    const rewrapped = await pass(region, now)
    total += rewrapped
    clean = rewrapped === 0 ? clean + 1 : 0
  }
  await hsm.rotation.end()
  return total
}

async function pass(region: Rotated, now: Now): Promise<number> {
  const broken: string[] = []
  let rewrapped = 0
  for (const { table, sk, pk, rewrap } of kinds) {
    for (const rows of pages(region, table, pk, sk)) {
      for (let left = rows; left.length > 0;) {
        const turn = await oneTurn(region, rewrap, left, now)
        broken.push(...turn.broken)
        rewrapped += turn.rewrapped
        left = left.slice(turn.looked)
        await setImmediate()
      }
    }
  }
  if (broken.length === 0) return rewrapped
  throw new UserError(
    `${broken.length} rows of ${region.name} could not be wrapped anew, so the former root stays: ${broken.slice(0, 3).join('; ')}. Run hsm rotate-root again once that is put right.`,
  )
}

/** So many of the rows as a turn has time for, one after the other; the first in any case. */
async function oneTurn({ hsm, store: { tables } }: Rotated, rewrap: Kind['rewrap'], rows: readonly RowKey[], now: Now) {
  const until = now() + turnMs
  const broken: string[] = []
  const puts: Promise<unknown>[] = []
  let looked = 0
  for (const row of rows) {
    const breaks = (cause: unknown) => {
      broken.push(`${row.pk} (${cause instanceof Error ? cause.message : String(cause)})`)
    }
    const writes = await rewrap(hsm, tables, row).catch(breaks)
    if (writes !== undefined) puts.push(tables.write(writes).catch(breaks))
    looked += 1
    if (now() >= until) break
  }
  await Promise.all(puts)
  // Of a row that another has changed meanwhile as well, so that it is looked at again.
  return { looked, rewrapped: puts.length, broken }
}

interface Kind {
  readonly table: TableName
  readonly pk: string
  /** Undefined: any. */
  readonly sk: string | undefined
  /** What is to be written; undefined where there is nothing to do. */
  readonly rewrap: (hsm: Rotated['hsm'], tables: Tables, row: RowKey) => Promise<readonly Write[] | undefined>
}

interface RowKey {
  readonly pk: string
  readonly sk: string
}

const backupPk = 'backup#'

/** In the order of the keys, of each page what is there when it is read. */
function* pages(
  { store }: Rotated,
  table: TableName,
  pk: string,
  sk: string | undefined,
): Generator<readonly RowKey[]> {
  const statement = store.database.prepare(
    `SELECT pk, sk FROM item WHERE tbl = ? AND (pk, sk) > (?, ?) AND pk < ? AND sk LIKE ? ORDER BY pk, sk LIMIT ${rowsATurn}`,
  )
  for (let last: RowKey = { pk, sk: '' }; ;) {
    const rows = statement.all(table, last.pk, last.sk, `${pk}\u{10ffff}`, sk ?? '%')
    const found = rows.map((row) => ({ pk: String(row['pk']), sk: String(row['sk']) }))
    const next = found.at(-1)
    if (next === undefined) return
    yield found
    last = next
  }
}

const rewrapVault: Kind['rewrap'] = async ({ rotation }, tables, { pk, sk }) => {
  // The vault before its keys: whoever empties those moves its revision.
  const row = (await tables.get('Vaults', pk, vaultSk)) as unknown as VaultRow | undefined
  const stored = (await tables.get('Vaults', pk, sk)) as VaultKeysRow | undefined
  if (row === undefined || stored === undefined) return undefined
  const wrapped = rotation.rewrapVaultKeys(vaultContext(row), stored.wrapped)
  if (wrapped === undefined) return undefined
  const condition = { kind: 'revision', revision: row.revision } as const
  return [
    put('Vaults', { ...stored, wrapped: { ...wrapped } }),
    { op: 'check', table: 'Vaults', pk, sk: vaultSk, condition },
  ]
}

const rewrapBackupKeys: Kind['rewrap'] = async ({ rotation }, tables, { pk, sk }) => {
  const stored = await tables.get('Vaults', pk, sk)
  if (stored === undefined) return undefined
  const context: VaultContext = backupContext(pk.slice(backupPk.length))
  const wrapped = rotation.rewrapVaultKeys(context, stored['wrapped'] as unknown as WrappedVaultKeys)
  return wrapped && [put('Vaults', { ...stored, wrapped: { ...wrapped } })]
}

const rewrapTransport: Kind['rewrap'] = async ({ rotation }, tables, { pk, sk }) => {
  const stored = await tables.get('Replication', pk, sk)
  if (stored === undefined) return undefined
  const next = rotation.rewrapTransportKey(stored['transport'] as unknown as TransportKey)
  return next && [put('Replication', { ...stored, transport: { ...next } as TransportKey & JsonObject })]
}

/** Where it is there still. */
function put(table: TableName, item: Item): Write {
  return { op: 'put', table, item, condition: { kind: 'fields', fields: { pk: item.pk } } }
}

/** What is under a root, by where it is kept. */
const kinds: readonly Kind[] = [
  { table: 'Vaults', pk: '', sk: vaultKeysSk, rewrap: rewrapVault },
  { table: 'Vaults', pk: backupPk, sk: 'backupKeys', rewrap: rewrapBackupKeys },
  { table: 'Replication', pk: transportPk(''), sk: undefined, rewrap: rewrapTransport },
]

/**
 * Answers `rotate-root REGION`; `-` stands for all. @throws where there is no such one, or a region has no new root: that says
 * what was done in the others, too.
 */
export async function rotateRootCommand(
  regions: readonly { readonly name: string; readonly rotateRoot: () => Promise<number> }[],
  [, region = '-']: readonly string[],
  data: string | undefined,
): Promise<string> {
  const chosen = chosenRegions(regions, region)
  const rotated: string[] = []
  const failed: string[] = []
  const done: { readonly name: string }[] = []
  const ended = await Promise.allSettled(chosen.map((each) => each.rotateRoot()))
  for (const [at, { name }] of chosen.entries()) {
    const end = ended[at]
    if (end?.status === 'rejected') failed.push(`${name}: ${whyNot(end.reason)}`)
    else if (end !== undefined) {
      done.push({ name })
      rotated.push(`${name}: a new root, ${end.value} wrapped anew under it`)
    }
  }
  const told = [...rotated, ...failed, ...backupsNext(data, done)].join('; ')
  if (failed.length > 0) throw new UserError(told)
  return told
}

function whyNot(cause: unknown): string {
  return (personsLine(cause) ?? messageOf(cause)).replace(/\.$/, '')
}

/** The custodians' older backups have the former roots, and are refused from now on. */
function backupsNext(data: string | undefined, regions: readonly { readonly name: string }[]): readonly string[] {
  if (data === undefined || regions.length === 0 || !existsSync(recoveryFile(data))) return []
  const commands = regions.map(({ name }) => typed('hsm', 'backup', 'FILE', '--data', data, '--region', name))
  return ['the custodians’ older backups no longer restore, take new ones now:', ...commands]
}
