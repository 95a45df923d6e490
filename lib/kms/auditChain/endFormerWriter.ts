import { tenancyOf, timesOf, type AuditItem } from '../audit.ts'
import type { AuditHead } from './auditHead.ts'
import { isWithin, linkOf, type ChainPlace } from './chainPlace.ts'
import { checkEvents } from './checkItem.ts'
import { segmentOf, type NewItem, type Segment, type SegmentPlace } from './writerPlaces.ts'

export interface PlacedAuditItem {
  readonly item: AuditItem
  readonly place: ChainPlace
}

/**
 * What a process that died has left behind its last head, as the places of one more, so that from then on nothing of it
 * can be cut off. 'altered': it is not what was written, and is not to be signed. Undefined: there is nothing.
 */
export function formerSegment(
  last: AuditHead | undefined,
  left: readonly PlacedAuditItem[],
): Segment | 'altered' | undefined {
  const bySeq = new Map(left.map((each) => [each.place.seq, each]))
  const open = left.reduce<{
    readonly seq: number
    readonly open?: ChainPlace['open']
  }>((latest, { place }) => (place.seq > latest.seq ? place : latest), { seq: 0, open: [] })
  const places: SegmentPlace[] = []
  let link: string | undefined = last === undefined ? '' : undefined
  for (let seq = (last?.to ?? 0) + 1; seq <= open.seq; seq += 1) {
    const found = bySeq.get(seq)
    if (found === undefined) {
      // Like what was never stored; anything else was, and its absence is left for whoever verifies.
      if (!isWithin(open.open ?? [], seq)) return 'altered'
      places.push({ seq, item: nothing(left[0]), link: '', isStored: false })
      link = undefined
      continue
    }
    const { item, place } = found
    const isLinked = link === undefined || link === place.previous
    if (!isLinked || checkEvents('', item, place).findings.length > 0) return 'altered'
    link = linkOf(item, place)
    places.push({ seq, item: newItemOf(item, place), link, isStored: true })
  }
  return segmentOf(places)
}

function newItemOf(item: AuditItem, { digests }: ChainPlace): NewItem {
  const { pk, sk, expiresAt, events } = item
  const expiry = expiresAt === undefined ? {} : { expiresAt }
  return { pk, sk, ...expiry, digests, tenancyId: tenancyOf(events[0]), ...timesOf(events) }
}

/** In an empty place: nothing is known of what should have stood there, so it takes after what stands beside. */
function nothing(beside: PlacedAuditItem | undefined): NewItem {
  if (beside === undefined) throw new RangeError('There is no item.')
  return newItemOf(beside.item, beside.place)
}
