import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import type { HeadRow } from '../../lib/kms/auditChain/auditHead.ts'
import type { StoredAudit, StoredItem } from '../../lib/kms/auditChain/checkAudit.ts'
import type { ToldHead } from '../../lib/kms/auditChain/checkHeads.ts'
import { placeIn } from '../../lib/kms/auditChain/checkItem.ts'
import { isDay, parseInstant } from '../../lib/calendar.ts'
import { UserError } from '../../lib/userError.ts'
import { isHead, isHeadRow, itemIn, readJson } from './storedItems.ts'

const format = 'vaultspan/audit-export/1'

/** The first line of a region's audit in a file of JSON lines. After it come its heads, then its items by writer and place. */
interface ExportHeader {
  readonly format: typeof format
  readonly region: string
  readonly exportedAt: string
  /** What was asked for; null: everything. */
  readonly range: { readonly from: string; readonly to: string } | null
  /** PEM; null where the directory holds none. */
  readonly trustRoot: string | null
  readonly statements: readonly RegionStatement[]
  /** What others were told of this region, and what it was told of others: it may be all that is left of them. */
  readonly told: readonly ToldHead[]
}

/** RFC 3339; inclusive and exclusive. Null: everything. @throws UserError */
export function exportRange(from: string | undefined, to: string | undefined, toFlag = '--to'): ExportHeader['range'] {
  if (from === undefined && to === undefined) return null
  const range = {
    from: timeOf(from ?? '1970-01-01T00:00:00Z', '--from'),
    to: timeOf(to ?? '9999-12-31T00:00:00Z', toFlag),
  }
  if (range.from >= range.to) throw new UserError(`--from must be before ${toFlag}.`)
  return range
}

function timeOf(text: string, flag: string): string {
  const ms = parseInstant(isDay(text) ? `${text}T00:00:00Z` : text)
  if (Number.isNaN(ms))
    throw new UserError(`${flag} is "${text}"; it takes a day or a time, such as 2026-01-31 or 2026-01-31T12:00:00Z.`)
  return new Date(ms).toISOString()
}

export interface ExportedRegion {
  readonly region: string
  readonly events: number
}

/** Appends a region's audit to a file that is open. Whole heads: what one covers is there as a whole or not at all. */
export function writeExport(
  file: number,
  audit: StoredAudit,
  header: Pick<ExportHeader, 'exportedAt' | 'range' | 'trustRoot'>,
): ExportedRegion {
  const { region, heads, statements, told } = audit
  const { range } = header
  const line = (value: object) => writeSync(file, `${JSON.stringify(value)}\n`)
  line({ format, region, ...header, statements, told } satisfies ExportHeader)
  for (const row of heads) line(row)
  const wanted = range === null ? undefined : wantedPlaces(heads, range)
  let events = 0
  for (const stored of audit.items) {
    if ('damaged' in stored) throw new UserError(`${stored.damaged.says} Nothing more was exported: verify first.`)
    const { item } = stored
    if (range !== null && !isIn(range, item, wanted)) continue
    line(item)
    events += item.events.length
  }
  return { region, events }
}

type Wanted = (writer: string, seq: number) => boolean

/** Behind a writer's last head everything is wanted: nothing says of what time a place there is. */
function wantedPlaces(heads: readonly HeadRow[], { from, to }: { readonly from: string; readonly to: string }): Wanted {
  const byWriter = Map.groupBy(heads, ({ head }) => head.writer)
  // Items come in the order of their places.
  const reached = new Map<string, number>()
  return (writer, seq) => {
    const rows = byWriter.get(writer) ?? []
    let index = reached.get(writer) ?? 0
    while ((rows[index]?.head.to ?? seq) < seq) index += 1
    reached.set(writer, index)
    const covering = rows[index]?.head
    return covering === undefined || (covering.lastTime >= from && covering.firstTime < to)
  }
}

function isIn(
  { from, to }: { readonly from: string; readonly to: string },
  item: Parameters<typeof placeIn>[0] & { readonly sk: string },
  wanted: Wanted | undefined,
): boolean {
  const place = placeIn(item)
  if (place === undefined) return item.sk >= from && item.sk < to
  return wanted?.(place.writer, place.seq) ?? true
}

export interface ReadExport {
  readonly audit: StoredAudit
  readonly trustRoot: string | null
}

/** The regions in a file of `writeExport`. @throws UserError where it is none. */
export function readExport(path: string): readonly ReadExport[] {
  const sections: { header: ExportHeader; heads: HeadRow[]; items: Span[]; fromLine: number }[] = []
  let number = 0
  for (const { text, span } of linesIn(path)) {
    number += 1
    const value = parsed(text)
    if (isHeader(value)) {
      sections.push({ header: value, heads: [], items: [], fromLine: number })
      continue
    }
    const section = sections.at(-1)
    if (section === undefined) throw new UserError(`${path} is no export of an audit that this version reads.`)
    if (isHeadRow(value)) section.heads.push(value)
    else section.items.push(span)
  }
  if (sections.length === 0) throw new UserError(`${path} is empty: no export of an audit.`)
  return sections.map(({ header, heads, items }) => ({
    trustRoot: header.trustRoot,
    audit: {
      region: header.region,
      heads,
      statements: header.statements,
      told: header.told.filter(({ head }) => isHead(head)),
      items: itemsAt(path, items),
      ...(header.range === null ? {} : { range: header.range }),
      takenAt: Date.parse(header.exportedAt) / 1000,
    },
  }))
}

function isHeader(value: unknown): value is ExportHeader {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === format
}

function parsed(text: string): unknown {
  try {
    return readJson(text)
  } catch {
    return undefined
  }
}

interface Span {
  readonly start: number
  readonly length: number
}

/** In the order of the file, which is theirs: one that stands before another that it should follow was moved. */
function* itemsAt(path: string, spans: readonly Span[]): Generator<StoredItem> {
  const file = openSync(path, 'r')
  try {
    let last: readonly [string, number] = ['', 0]
    for (const { start, length } of spans) {
      const bytes = Buffer.alloc(length)
      readSync(file, bytes, 0, length, start)
      const stored = itemIn(bytes.toString('utf8'))
      yield stored
      const place = 'item' in stored ? placeIn(stored.item) : undefined
      if (place === undefined || !('item' in stored)) continue
      const [writer, seq] = last
      if (place.writer < writer || (place.writer === writer && place.seq <= seq)) {
        const { sk } = stored.item
        const says = `The line of the event at ${sk} stands behind lines that come after it.`
        yield { damaged: { at: sk.split('#')[0] ?? '', kind: 'reordered', says } }
      } else last = [place.writer, place.seq]
    }
  } finally {
    closeSync(file)
  }
}

const chunkBytes = 1 << 20

/** Lines of a file of any size; an empty one is none. */
function* linesIn(path: string): Generator<{ readonly text: string; readonly span: Span }> {
  const file = openSync(path, 'r')
  try {
    let rest = Buffer.alloc(0)
    let start = 0
    for (;;) {
      const chunk = Buffer.alloc(chunkBytes)
      const count = readSync(file, chunk)
      const isEnd = count === 0
      rest = Buffer.concat([rest, chunk.subarray(0, count)])
      for (let end = rest.indexOf(10); end >= 0 || (isEnd && rest.length > 0); end = rest.indexOf(10)) {
        const length = end < 0 ? rest.length : end
        if (length > 0) yield { text: rest.toString('utf8', 0, length), span: { start, length } }
        start += length + 1
        rest = rest.subarray(length + 1)
      }
      if (isEnd) return
    }
  } finally {
    closeSync(file)
  }
}
