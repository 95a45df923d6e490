import { tenancyOf, timesOf, type AuditItem } from '../audit.ts'
import { eventText } from '../ociEvent.ts'
import type { AuditItemText, AuditTable } from '../groupedAuditSink.ts'
import type { Item, Tables, Write } from '../../ports.ts'
import { tablesWith } from '../../tablesWith.ts'
import type { AuditChain } from './auditChain.ts'
import { digestOf, type ChainPlace } from './chainPlace.ts'
import type { Fate, NewItem } from './writerPlaces.ts'

export type ChainedTables = Tables & AuditTable

/** Tables in which every item of the audit gets its place in the chain, whoever writes it, and with it in one transaction. */
export function chainedTables(tables: Tables & Pick<AuditTable, 'putTexts'>, chain: AuditChain): ChainedTables {
  const write: Tables['write'] = (writes, writeId) => {
    const taken: number[] = []
    const chained = writes.map((each) => placed(chain, each, taken))
    if (taken.length === 0) return tables.write(writes, writeId)
    return settled(chain, taken, tables.write(chained, writeId), ({ ok }) => (ok ? 'stored' : 'refused'))
  }
  return {
    ...tablesWith(tables, { write }),
    ...(tables.putTexts === undefined ? {} : { putTexts: (table, items) => putTexts(chain, tables, table, items) }),
  }
}

async function putTexts(
  chain: AuditChain,
  tables: Pick<AuditTable, 'putTexts'>,
  table: 'Audit',
  items: readonly AuditItemText[],
): Promise<void> {
  if (tables.putTexts === undefined) throw new Error('These tables take no texts.')
  const places = items.map((item) => chain.take(newItem(item)))
  const texts = items.map((item, index) => ({ ...item, text: withPlace(item.text, places[index]) }))
  const taken = places.map(({ seq }) => seq)
  await settled(chain, taken, tables.putTexts(table, texts), () => 'stored')
}

async function settled<T>(
  chain: AuditChain,
  taken: readonly number[],
  writing: Promise<T>,
  fateOf: (outcome: T) => Fate,
): Promise<T> {
  let fate: Fate = 'failed'
  try {
    const outcome = await writing
    fate = fateOf(outcome)
    return outcome
  } finally {
    for (const seq of taken) chain.settle(seq, fate)
  }
}

function placed(chain: AuditChain, write: Write, taken: number[]): Write {
  if (write.op !== 'put' || write.table !== 'Audit' || !isAuditItem(write.item)) return write
  const { item } = write
  const { pk, sk, expiresAt, events } = item
  const place = chain.take({
    pk,
    sk,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    digests: events.map((event) => digestOf(eventText(event))),
    tenancyId: tenancyOf(events[0]),
    ...timesOf(events),
  })
  taken.push(place.seq)
  return { ...write, item: { ...item, chain: place } }
}

function isAuditItem(item: Item): item is AuditItem {
  return Array.isArray(item['events'])
}

function newItem({ pk, sk, expiresAt, digests, tenancyId, firstTime, lastTime }: AuditItemText): NewItem {
  return { pk, sk, ...(expiresAt === undefined ? {} : { expiresAt }), digests, tenancyId, firstTime, lastTime }
}

/** The item's JSON with one member more at its end. */
function withPlace(text: string, place: ChainPlace | undefined): string {
  return `${text.slice(0, -1)},"chain":${JSON.stringify(place)}}`
}
