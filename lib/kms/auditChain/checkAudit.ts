import type { RegionStatement } from '../../hsm/hsm.ts'
import type { AuditItem } from '../audit.ts'
import type { HeadRow } from './auditHead.ts'
import type { Signatures } from '../signatures.ts'
import { checkOrder, checkTold, HeadSigners, signedHeads, type ToldHead } from './checkHeads.ts'
import { found, placeIn, timeIn } from './checkItem.ts'
import { WriterCheck } from './checkWriter.ts'
import { named, type Finding } from './finding.ts'

/** What is kept of a region's audit: in its store, or in an export of it. */
export interface StoredAudit {
  readonly region: string
  readonly heads: readonly HeadRow[]
  readonly statements: readonly RegionStatement[]
  /** What regions were told of each other, this one or others, as far as it is kept with it. */
  readonly told: readonly ToldHead[]
  /** Of a writer in the order of their places; those without a place wherever they are. */
  readonly items: Iterable<StoredItem>
  /** An export of a time: heads whose events are all outside of it have none. */
  readonly range?: TimeRange
  /** When it was taken out of the store, Unix time in seconds; absent: it is the store. */
  readonly takenAt?: number
}

/** As eventTime; from inclusive, to exclusive. */
export interface TimeRange {
  readonly from: string
  readonly to: string
}

/** A row that is no item of the audit any more, or one in a place that is not its own: what is wrong, and with what. */
export interface DamagedItem {
  readonly at: string
  readonly kind: Finding['kind']
  readonly says: string
}

export type StoredItem = { readonly item: AuditItem } | { readonly damaged: DamagedItem }

export interface AuditReport {
  readonly region: string
  readonly events: number
  readonly writers: number
  /** Writers of which a head says that it is the last. */
  readonly closed: number
  readonly heads: number
  /** Events that no head covers: those of the last seconds, or of a process that died. */
  readonly unsigned: number
  /** Items that have expired. */
  readonly expired: number
  readonly beforeChain: number
  /** Of an export of a time only; and how many places outside of it were not looked for. */
  readonly range?: TimeRange
  readonly outside: number
  /** By how many seconds the region's clock was ahead of the given time when it signed its latest head: expiry is judged by it. */
  readonly aheadBy: number
  /** In the order of their times. */
  readonly findings: readonly Finding[]
}

/** Whether everything is there that was written, as it was written. `wallClock`: Unix time in seconds. */
export async function checkAudit(audit: StoredAudit, signatures: Signatures, wallClock: number): Promise<AuditReport> {
  const { region, range } = audit
  const { own, told, now, ...signed } = await signedIn(audit, signatures, wallClock)
  const findings: Finding[] = [...signed.findings]
  const headsOf = Map.groupBy(own, ({ head }) => head.writer)
  for (const heads of headsOf.values()) findings.push(...checkOrder(heads, now))
  for (const [writer, rows] of Map.groupBy(told, ({ head }) => head.writer)) {
    const heads = headsOf.get(writer) ?? []
    findings.push(
      ...checkTold(
        heads.map(({ head }) => head),
        rows,
        now,
      ),
    )
  }
  const isWanted = ({ firstTime, lastTime }: HeadRow['head']) =>
    range === undefined || (lastTime >= range.from && firstTime < range.to)
  const writers = new Map<string, WriterCheck>()
  const checkOf = (writer: string) => {
    const known = writers.get(writer)
    if (known !== undefined) return known
    const made = new WriterCheck({ region, writer, heads: headsOf.get(writer) ?? [], now, isWanted })
    writers.set(writer, made)
    return made
  }
  for (const writer of headsOf.keys()) checkOf(writer)
  let events = 0
  const unplaced: { readonly at: string; readonly item: AuditItem }[] = []
  let firstPlaced = '~'
  for (const stored of audit.items) {
    if ('damaged' in stored) {
      findings.push({ region, ...stored.damaged })
      continue
    }
    const { item } = stored
    if (item.expiresAt !== undefined && item.expiresAt <= now) continue
    const place = placeIn(item)
    events += Array.isArray(item.events) ? item.events.length : 0
    if (place === undefined) unplaced.push({ at: timeIn(item), item })
    else {
      firstPlaced = least(firstPlaced, timeIn(item))
      checkOf(place.writer).item(item, place)
    }
  }
  const begins = chainBegins([...own, ...told], firstPlaced)
  const late = unplaced.filter(({ at }) => at >= begins)
  findings.push(...late.map(({ item }) => outside(region, item)))
  for (const check of writers.values()) {
    check.end()
    findings.push(...check.findings)
  }
  const counts = [...writers.values()].map(({ counts }) => counts)
  return {
    region,
    events,
    writers: writers.size,
    closed: [...headsOf.values()].filter((rows) => rows.at(-1)?.head.isLast === true).length,
    heads: own.length,
    unsigned: counts.reduce((sum, { unsigned }) => sum + unsigned, 0),
    expired: counts.reduce((sum, { expired }) => sum + expired, 0),
    beforeChain: eventsIn(unplaced) - eventsIn(late),
    ...(range === undefined ? {} : { range }),
    outside: counts.reduce((sum, { outside }) => sum + outside, 0),
    aheadBy: Math.max(0, now - wallClock),
    findings: movedOnes(findings).sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1)),
  }
}

interface SignedHeads {
  /** Those that are still kept, in order. */
  readonly own: readonly HeadRow[]
  readonly told: readonly ToldHead[]
  /** By which expiry is judged. */
  readonly now: number
  readonly findings: readonly Finding[]
}

/**
 * Events expire by the clock of their region, which may be ahead of that of whoever verifies: its latest head says, under its
 * signature, how far it was.
 */
async function signedIn(audit: StoredAudit, signatures: Signatures, wallClock: number): Promise<SignedHeads> {
  const signers = new HeadSigners(audit.region, signatures)
  for (const statement of audit.statements) await signers.add(statement)
  const { heads, findings } = await signedHeads(signers, audit.heads)
  for (const { statement } of audit.told) await signers.add(statement)
  const told: ToldHead[] = []
  for (const row of audit.told) if (await signers.hasSigned(row.head)) told.push(row)
  const takenAt = Math.min(audit.takenAt ?? wallClock, wallClock)
  const now = [...heads, ...told].reduce((latest, { head }) => Math.max(latest, head.signedAt / 1000), takenAt)
  const own = heads.filter(({ head: { keptUntil } }) => keptUntil === null || keptUntil > now)
  return { own, told, now, findings }
}

/**
 * An event without a place is from before then, or was put in. Where no head says when the chain began, it did with what is
 * left of it.
 */
function chainBegins(rows: readonly { readonly head: HeadRow['head'] }[], firstPlaced: string): string {
  const said = rows.flatMap(({ head }) => head.chainedSince ?? [])
  if (said.length > 0) return said.reduce(least)
  return rows.reduce((first, { head }) => least(first, head.firstTime), firstPlaced)
}

/** An event that is not what its digest says, but what another's says, was put there. */
function movedOnes(findings: readonly Finding[]): Finding[] {
  const expected = new Set(findings.flatMap(({ digests }) => digests?.expected ?? []))
  return findings.map((finding) => {
    if (finding.digests === undefined || !expected.has(finding.digests.actual)) return finding
    const says = finding.says.replace(/ was altered, or another.*$/, ' stands where another was written.')
    return { ...finding, kind: 'reordered', says }
  })
}

function eventsIn(items: readonly { readonly item: AuditItem }[]): number {
  return items.reduce((sum, { item: { events } }) => sum + (Array.isArray(events) ? events.length : 0), 0)
}

function outside(region: string, item: AuditItem): Finding {
  const [event = {}] = Array.isArray(item.events) ? item.events : []
  const says = `The event ${named(event)} has no place in any chain, though the audit was chained by then.`
  return found(region, 'inserted', { ...event, eventTime: timeIn(item) }, says)
}

function least(a: string, b: string): string {
  return b < a ? b : a
}
