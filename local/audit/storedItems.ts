import type { AuditItem } from '../../lib/kms/audit.ts'
import type { AuditHead, HeadPlaces, HeadRow } from '../../lib/kms/auditChain/auditHead.ts'
import type { StoredItem } from '../../lib/kms/auditChain/checkAudit.ts'
import type { Json } from '../../lib/canonicalJson.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** A compartment, a minute and a shard: nothing else in the table has such a key. */
const eventPk = /#\d{4}-\d\d-\d\dT\d\d:\d\d#\d+$/

export function isEventRow(pk: string): boolean {
  return eventPk.test(pk)
}

/** Nothing that the service writes has so many levels; whatever goes through them must not run out of stack. */
const maxLevels = 500

/** @throws SyntaxError, RangeError where it has more levels than anything that is written. */
export function readJson(text: string): unknown {
  const value = parseJson(text)
  if (!isWithin(value, maxLevels)) throw new RangeError(`It has more than ${maxLevels} levels.`)
  return value
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((member) => isWithin(member, levels - 1))
}

/** An item's text, which must be exactly what the service writes: nothing else passes unseen beside it. */
export function itemIn(text: string, key?: { readonly pk: string; readonly sk: string }): StoredItem {
  const at = key?.sk.split('#')[0] ?? ''
  const where = key === undefined ? '' : ` at ${key.sk}`
  const item = parsed(text)
  if (item === undefined)
    return { damaged: { at, kind: 'altered', says: `An item of the audit${where} was altered: it cannot be read.` } }
  if (key !== undefined && (item.pk !== key.pk || item.sk !== key.sk)) {
    const says = `An item of the audit${where} stands there under other keys than its own, ${item.sk}.`
    return { damaged: { at, kind: 'reordered', says } }
  }
  if (JSON.stringify(item) !== text)
    return { damaged: { at, kind: 'altered', says: `The text of an item of the audit${where} was altered.` } }
  return { item }
}

function parsed(text: string): AuditItem | undefined {
  try {
    const value = readJson(text) as Json
    const isItem = typeof value === 'object' && value !== null && !Array.isArray(value)
    const { pk, sk } = isItem ? (value as { readonly pk?: unknown; readonly sk?: unknown }) : {}
    return typeof pk === 'string' && typeof sk === 'string' ? (value as unknown as AuditItem) : undefined
  } catch {
    return undefined
  }
}

/** Whether it has the form of a head's row; whether it is what was signed is checked afterwards. */
export function isHeadRow(value: unknown): value is HeadRow {
  if (typeof value !== 'object' || value === null || !('head' in value)) return false
  const { places } = value as { readonly places?: Partial<HeadPlaces> | null }
  const { links, absent, expiries } = places ?? {}
  return isHead(value.head) && [links, absent, expiries].every(Array.isArray)
}

export function isHead(value: unknown): value is AuditHead {
  if (typeof value !== 'object' || value === null) return false
  const { writer, number, from, to, signature, lastTime } = value as Partial<AuditHead>
  const areTexts = [writer, signature, lastTime].every((text) => typeof text === 'string')
  return areTexts && [number, from, to].every(Number.isSafeInteger)
}
