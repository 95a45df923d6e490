import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import { headRows } from '../../lib/kms/auditChain/auditHead.ts'
import type { StoredAudit, StoredItem } from '../../lib/kms/auditChain/checkAudit.ts'
import type { ToldHead } from '../../lib/kms/auditChain/checkHeads.ts'
import { UserError } from '../../lib/userError.ts'
import { namesIn } from '../doctor/patient.ts'
import { isEventRow, isHead, isHeadRow, itemIn, readJson } from './storedItems.ts'

interface Row {
  readonly pk: string
  readonly sk: string
  readonly body: string
  readonly expires_at: number | null
}

/** A region's file, or its store in memory. */
export interface RegionDatabase {
  readonly region: string
  readonly database: Pick<DatabaseSync, 'prepare'>
}

/** The regions of data directories, running or not, for as long as `work` takes. */
export async function withStoreAudits<T>(
  directories: readonly string[],
  work: (audits: readonly StoredAudit[]) => T,
): Promise<Awaited<T>> {
  const files = directories.flatMap((directory) =>
    namesIn(join(directory, 'regions'))
      .filter((name) => name.endsWith('.db'))
      .map((name) => ({ region: name.slice(0, -'.db'.length), database: openFile(join(directory, 'regions', name)) })),
  )
  try {
    return await work(auditsIn(files))
  } finally {
    for (const { database } of files) database.close()
  }
}

/** Each region with what all of them were told of it, and what it was told of others. */
export function auditsIn(files: readonly RegionDatabase[]): readonly StoredAudit[] {
  // First what was told: a service that runs goes on meanwhile, and tells what it has.
  const told = files.flatMap(toldIn)
  return files.map(({ region, database }) => ({
    region,
    heads: rowsOf(database, headRows.headPk).filter(isHeadRow),
    statements: rowsOf(database, headRows.signerPk).map(({ statement }) => statement as unknown as RegionStatement),
    told: told.filter(({ peer, head }) => peer === region || head.region === region),
    items: itemsOf(database),
  }))
}

function openFile(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
  try {
    const found = database.prepare("SELECT name FROM sqlite_schema WHERE name = 'item'").get()
    if (found === undefined) throw new UserError(`${file} holds no region.`)
    return database
  } catch (cause) {
    database.close()
    if (!isBusy(cause)) throw cause
    const how = 'take a snapshot and name that, or stop it'
    throw new UserError(
      `${file} is in use by a service without workers (--workers 1), which shares it with nobody: ${how}.`,
      {
        cause,
      },
    )
  }
}

function isBusy(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'errcode' in cause && cause.errcode === 5
}

function toldIn({ region: peer, database }: RegionDatabase): readonly ToldHead[] {
  const kept = rowsOf(database, headRows.peerPk).map(({ head, statement }) => ({ peer, head, statement }))
  const waiting = messagesOf(database).flatMap((text) => headsIn(peer, text))
  return [...kept, ...waiting].filter(({ head }) => isHead(head)) as readonly unknown[] as readonly ToldHead[]
}

/** What a region was told while it stopped waits in its inbox until it runs again. */
function messagesOf(database: RegionDatabase['database']): readonly string[] {
  const statement = database.prepare("SELECT body FROM message WHERE queue = 'inbox' AND body LIKE '%auditHeads%'")
  return statement.all().map(({ body }) => String(body))
}

/** A head is under a signature of its own: the message's need not be verified. */
function headsIn(peer: string, text: string): readonly { peer: string; head: unknown; statement: unknown }[] {
  try {
    const { body, statement } = readJson(text) as { readonly body: string; readonly statement: unknown }
    const { kind, heads } = readJson(body) as { readonly kind: string; readonly heads: readonly unknown[] }
    return kind === 'auditHeads' ? heads.map((head) => ({ peer, head, statement })) : []
  } catch {
    return []
  }
}

/** Those that cannot be read are as good as gone, which the chain then says. */
function rowsOf(database: RegionDatabase['database'], prefix: string): readonly JsonObject[] {
  const statement = database.prepare(`SELECT body FROM item WHERE tbl = 'Audit' AND pk >= ? AND pk < ? ORDER BY pk, sk`)
  const end = `${prefix}\u{10ffff}`
  return statement.all(prefix, end).flatMap(({ body }) => {
    try {
      return [readJson(String(body)) as JsonObject]
    } catch {
      return []
    }
  })
}

/** By writer and place, read one at a time. */
function* itemsOf(database: RegionDatabase['database']): Generator<StoredItem> {
  const order = database.prepare(`
    SELECT rowid AS id, pk,
      CASE WHEN json_valid(body) THEN json_extract(body, '$.chain.writer') END AS writer,
      CASE WHEN json_valid(body) THEN json_extract(body, '$.chain.seq') END AS seq
    FROM item WHERE tbl = 'Audit' ORDER BY writer, seq, pk, sk`)
  const read = database.prepare('SELECT pk, sk, body, expires_at FROM item WHERE rowid = ?')
  for (const { id, pk } of order.all()) {
    if (!isEventRow(String(pk))) continue
    const row = read.get(Number(id)) as Row | undefined
    if (row === undefined) continue
    const stored = itemIn(row.body, row)
    const isSame = !('item' in stored) || (stored.item.expiresAt ?? null) === row.expires_at
    const says = `The expiry of an item of the audit at ${row.sk} was altered.`
    yield isSame ? stored : { damaged: { at: row.sk.split('#')[0] ?? '', kind: 'altered', says } }
  }
}
