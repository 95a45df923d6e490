import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Json } from '../../lib/canonicalJson.ts'
import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import type { AuditItem } from '../../lib/kms/audit.ts'
import { headRows } from '../../lib/kms/auditChain/auditHead.ts'
import type { StoredAudit } from '../../lib/kms/auditChain/checkAudit.ts'
import type { ToldHead } from '../../lib/kms/auditChain/checkHeads.ts'
import { placeIn } from '../../lib/kms/auditChain/checkItem.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { namesIn } from '../doctor/patient.ts'
import { isEventRow, isHead, isHeadRow } from './storedItems.ts'

/** A value as DynamoDB writes it. */
type Attribute =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly L: readonly Attribute[] }
  | { readonly M: Readonly<Record<string, Attribute>> }

/** A row of the table Audit, without what the adapter itself keeps in it. */
export type AuditTableRow = Readonly<Record<string, Json>> & { readonly pk: string; readonly sk: string }

/** The files of an export of the table Audit by DynamoDB itself (DYNAMODB_JSON), in their folder or in `data` below it. */
export function tableFilesIn(directory: string): readonly string[] {
  const inside = (folder: string) =>
    namesIn(folder).flatMap((name) => (name.endsWith('.json.gz') ? [join(folder, name)] : []))
  return [...inside(directory), ...inside(join(directory, 'data'))]
}

/** All of one region, whose heads say which. It is held in memory, because DynamoDB exports in no order. */
export function readTableExport(directory: string): StoredAudit {
  return auditOfTable(tableFilesIn(directory).flatMap(rowsIn), directory)
}

/** All rows of a region's table Audit, in whatever order. `unnamed`: what the region is called where no head says it. */
export function auditOfTable(rows: readonly AuditTableRow[], unnamed: string): StoredAudit {
  const below = (prefix: string) => rows.filter(({ pk }) => pk.startsWith(prefix))
  const heads = (below(headRows.headPk) as readonly unknown[]).filter(isHeadRow)
  const region = heads[0]?.head.region ?? unnamed
  const told = below(headRows.peerPk).filter(({ head }) => isHead(head))
  const items = rows.filter(({ pk }) => isEventRow(pk)) as readonly unknown[] as readonly AuditItem[]
  return {
    region,
    heads,
    statements: below(headRows.signerPk).map(({ statement }) => statement as unknown as RegionStatement),
    told: told.map(({ head, statement }) => ({ peer: region, head, statement }) as unknown as ToldHead),
    items: items.toSorted((a, b) => compare(orderOf(a), orderOf(b))).map((item) => ({ item })),
  }
}

function rowsIn(file: string): readonly AuditTableRow[] {
  const lines = gunzipSync(readFileSync(file)).toString('utf8').split('\n').filter(Boolean)
  return lines.map((line) => {
    try {
      const { Item } = parseJson(line) as { readonly Item: Readonly<Record<string, Attribute>> }
      // Of the adapter, in whatever it writes; no reader ever sees them.
      const { $call: _call, writeId: _writeId, ...members } = Item
      return plain({ M: members }) as AuditTableRow
    } catch (cause) {
      throw new UserError(`${file} is no export of a table in DYNAMODB_JSON.`, { cause })
    }
  })
}

function plain(attribute: Attribute): Json {
  if ('S' in attribute) return attribute.S
  if ('N' in attribute) return Number(attribute.N)
  if ('BOOL' in attribute) return attribute.BOOL
  if ('L' in attribute) return attribute.L.map(plain)
  if ('M' in attribute)
    return Object.fromEntries(Object.entries(attribute.M).map(([name, value]) => [name, plain(value)]))
  return null
}

function orderOf(item: AuditItem): readonly [string, number] {
  const place = placeIn(item)
  return place === undefined ? ['', 0] : [place.writer, place.seq]
}

function compare([a, one]: readonly [string, number], [b, other]: readonly [string, number]): number {
  return a === b ? one - other : a < b ? -1 : 1
}
