import { existsSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { TransportKey, VaultContext, WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { backupContext } from '../../lib/kms/backup/backupKeys.ts'
import { vaultContext } from '../../lib/kms/rows/rowMac.ts'
import { vaultSk, type VaultRow } from '../../lib/kms/rows/rows.ts'
import { vaultKeysSk, type VaultKeysRow } from '../../lib/kms/vaultCache.ts'
import { transportPk } from '../../lib/kms/vaults/partition.ts'
import { keysStored } from '../../lib/kms/vaults/storingKeys.ts'
import type { Item, TableName, Write } from '../../lib/ports.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { UserError } from '../../lib/userError.ts'
import type { Region } from '../region/startRegion.ts'
import { noRegion } from '../names/noRegion.ts'
import { typed } from '../typed.ts'
import { recoveryFile } from './recoveryFile.ts'

type Rotated = Pick<Region, 'name' | 'hsm' | 'store'>

/**
 * How many rows are wrapped anew, or found to be so already, in one turn of the event loop: each computes for up to a
 * millisecond in a token. What they write commits together, and requests come in between.
 */
export const rowsATurn = 8

const underWay = new WeakMap<object, Promise<number>>()

/**
 * Gives the region a new root and wraps everything anew that the former one wrapped, while the region serves; the former root
 * is destroyed once two looks at all rows found nothing under it. One that was cut off goes on. Resolves with how many were
 * wrapped anew. @throws UserError where a row opens under neither root: then both stay.
 */
export function rotateRoot(region: Rotated): Promise<number> {
  const known = underWay.get(region.hsm)
  if (known !== undefined) return known
  const rotation = rotate(region).finally(() => underWay.delete(region.hsm))
  underWay.set(region.hsm, rotation)
  return rotation
}

async function rotate(region: Rotated): Promise<number> {
  const { hsm } = region
  await hsm.rotation.begin()
  let total = 0
  for (let clean = 0; clean < 2;) {
    // What was wrapped before and is not stored yet would be missed; what was read before is written again.
    await keysStored(hsm)
    const rewrapped = await pass(region)
    total += rewrapped
    clean = rewrapped === 0 ? clean + 1 : 0
  }
  hsm.rotation.end()
  return total
}

async function pass(region: Rotated): Promise<number> {
  const broken: string[] = []
  let rewrapped = 0
  for (const { table, sk, pk, rewrap } of kinds) {
    for (const rows of pages(region, table, pk, sk)) {
      const done = await Promise.all(
        rows.map((row) =>
          rewrap(region, row).catch((cause: unknown) => {
            broken.push(`${row.pk} (${cause instanceof Error ? cause.message : String(cause)})`)
            return false
          }),
        ),
      )
      rewrapped += done.filter(Boolean).length
      await setImmediate()
    }
  }
  if (broken.length === 0) return rewrapped
  throw new UserError(
    `${broken.length} rows of ${region.name} could not be wrapped anew, so the former root stays: ${broken.slice(0, 3).join('; ')}. Run hsm rotate-root again once that is put right.`,
  )
}

interface Kind {
  readonly table: TableName
  readonly pk: string
  /** Undefined: any. */
  readonly sk: string | undefined
  /** False where there is nothing to do. */
  readonly rewrap: (region: Rotated, row: RowKey) => Promise<boolean>
}

interface RowKey {
  readonly pk: string
  readonly sk: string
}

const backupPk = 'backup#'

/** What is under a root, by where it is kept. */
const kinds: readonly Kind[] = [
  { table: 'Vaults', pk: '', sk: vaultKeysSk, rewrap: rewrapVault },
  { table: 'Vaults', pk: backupPk, sk: 'backupKeys', rewrap: rewrapBackupKeys },
  { table: 'Replication', pk: transportPk(''), sk: undefined, rewrap: rewrapTransport },
]

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

async function rewrapVault({ hsm, store: { tables } }: Rotated, { pk, sk }: RowKey): Promise<boolean> {
  // The vault before its keys: whoever empties those moves its revision.
  const row = (await tables.get('Vaults', pk, vaultSk)) as unknown as VaultRow | undefined
  const stored = (await tables.get('Vaults', pk, sk)) as VaultKeysRow | undefined
  if (row === undefined || stored === undefined) return false
  const wrapped = hsm.rotation.rewrapVaultKeys(vaultContext(row), stored.wrapped)
  const check: Write = {
    op: 'check',
    table: 'Vaults',
    pk,
    sk: vaultSk,
    condition: { kind: 'revision', revision: row.revision },
  }
  return wrapped !== undefined && putRow(tables, { ...stored, wrapped: { ...wrapped } }, 'Vaults', [check])
}

async function rewrapBackupKeys({ hsm, store: { tables } }: Rotated, { pk, sk }: RowKey): Promise<boolean> {
  const stored = await tables.get('Vaults', pk, sk)
  if (stored === undefined) return false
  const context: VaultContext = backupContext(pk.slice(backupPk.length))
  const wrapped = hsm.rotation.rewrapVaultKeys(context, stored['wrapped'] as unknown as WrappedVaultKeys)
  return wrapped !== undefined && putRow(tables, { ...stored, wrapped: { ...wrapped } }, 'Vaults')
}

async function rewrapTransport({ hsm, store: { tables } }: Rotated, { pk, sk }: RowKey): Promise<boolean> {
  const stored = await tables.get('Replication', pk, sk)
  if (stored === undefined) return false
  const next = hsm.rotation.rewrapTransportKey(stored['transport'] as unknown as TransportKey)
  if (next === undefined) return false
  return putRow(tables, { ...stored, transport: { ...next } as TransportKey & JsonObject }, 'Replication')
}

/** True where it was there still, and nobody else has changed it: counted as done also where not, so that it is looked at again. */
async function putRow(
  tables: Rotated['store']['tables'],
  item: Item,
  table: TableName,
  checks: readonly Write[] = [],
): Promise<boolean> {
  const condition = { kind: 'fields', fields: { pk: item.pk } } as const
  await tables.write([{ op: 'put', table, item, condition }, ...checks])
  return true
}

/** Answers `rotate-root REGION`; `-` stands for all. @throws where there is no such one. */
export async function rotateRootCommand(
  regions: readonly { readonly name: string; readonly rotateRoot: () => Promise<number> }[],
  [, region = '-']: readonly string[],
  data: string | undefined,
): Promise<string> {
  const chosen = regions.filter(({ name }) => region === '-' || name === region)
  if (chosen.length === 0)
    throw new Error(
      noRegion(
        region,
        regions.map(({ name }) => name),
      ),
    )
  const rotated = await Promise.all(
    chosen.map(async (each) => `${each.name}: a new root, ${await each.rotateRoot()} wrapped anew under it`),
  )
  return [...rotated, ...backupsNext(data, chosen)].join('; ')
}

/** The custodians' older backups have the former roots, and are refused from now on. */
function backupsNext(data: string | undefined, regions: readonly { readonly name: string }[]): readonly string[] {
  if (data === undefined || !existsSync(recoveryFile(data))) return []
  const commands = regions.map(({ name }) => typed('hsm', 'backup', 'FILE', '--data', data, '--region', name))
  return ['the custodians’ older backups no longer restore, take new ones now:', ...commands]
}
