import type { AuditItem } from '../../lib/kms/audit.ts'
import { headRows, type HeadRow } from '../../lib/kms/auditChain/auditHead.ts'
import { placeIn } from '../../lib/kms/auditChain/checkItem.ts'
import { formerSegment, type PlacedAuditItem } from '../../lib/kms/auditChain/endFormerWriter.ts'
import { signHead, type SignHeadPorts } from '../../lib/kms/auditChain/signHead.ts'
import { parseJson } from '../../lib/parseJson.ts'
import type { Logger } from '../../lib/ports.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

/** Behind the last head of a process stand the events of some seconds; whatever lies further back is none of them. */
const maxRows = 100_000
const rowsAtOnce = 500

/**
 * A process that died has signed no last head: this one signs it, of what is there now. What does not fit together is left as it is, for `audit verify`.
 */
export async function endFormerWriters(
  ports: SignHeadPorts & { readonly log: Logger },
  store: SqliteRegionStore,
  own: string,
): Promise<void> {
  for (const [writer, left] of await leftBehind(store, own)) {
    const last = (await lastHead(store, writer))?.head
    const segment = formerSegment(last, left)
    if (segment === undefined) continue
    if (segment === 'altered') {
      ports.log.error('The end of the audit was altered; see vaultspan audit verify.', undefined, { writer })
      continue
    }
    const made = await signHead(ports, { writer, last, segment, isLast: true })
    if (made !== undefined) await store.tables.write(made.writes)
  }
}

/** From the end of the file back to the first item that a head covers: a region has one writer at a time. */
async function leftBehind(
  store: SqliteRegionStore,
  own: string,
): Promise<ReadonlyMap<string, readonly PlacedAuditItem[]>> {
  const found = new Map<string, PlacedAuditItem[]>()
  const covered = new Map<string, number>()
  for (const { item, place } of itemsBackwards(store)) {
    if (place.writer === own) continue
    const to = covered.get(place.writer) ?? (await lastHead(store, place.writer))?.head.to ?? 0
    covered.set(place.writer, to)
    if (place.seq <= to) break
    found.set(place.writer, [...(found.get(place.writer) ?? []), { item, place }])
  }
  return found
}

function* itemsBackwards({ database }: SqliteRegionStore): Generator<PlacedAuditItem> {
  const read = database.prepare('SELECT rowid AS id, tbl, body FROM item WHERE rowid < ? ORDER BY rowid DESC LIMIT ?')
  let before = Number.MAX_SAFE_INTEGER
  for (let count = 0; count < maxRows; count += rowsAtOnce) {
    const rows = read.all(before, rowsAtOnce)
    for (const { id, tbl, body } of rows) {
      before = Number(id)
      if (tbl !== 'Audit') continue
      const item = parseJson(String(body)) as AuditItem
      const place = placeIn(item)
      if (place !== undefined) yield { item, place }
    }
    if (rows.length < rowsAtOnce) return
  }
}

async function lastHead({ tables }: SqliteRegionStore, writer: string): Promise<HeadRow | undefined> {
  const { items } = await tables.query('Audit', `${headRows.headPk}${writer}`, '', { limit: 1, descending: true })
  return items[0] as HeadRow | undefined
}
