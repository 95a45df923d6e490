import { KmsError } from '../errors.ts'
import type { Json } from '../canonicalJson.ts'
import type { Condition, Item, TableName, Write } from '../ports.ts'
import { isKeyText, maxPartitionKeyBytes, maxSortKeyBytes } from './keyText.ts'

export const maxWrites = 100
export const maxItemBytes = 200_000
export const maxCallBytes = 4_000_000
/** DynamoDB's limits: lists and maps within each other, the item itself being one, and the magnitudes that its numbers can have. */
const maxDepth = 32
const smallestNumber = 1e-130
const largestNumber = 9.9e125

/** A write that keeps every limit of the port, its item as the text to store. */
export interface EncodedWrite {
  readonly op: Write['op']
  readonly table: TableName
  readonly pk: string
  readonly sk: string
  readonly condition?: Condition
  readonly put?: { readonly item: Item; readonly text: string }
}

/**
 * What every adapter refuses, whatever its database would accept.
 * @throws KmsError invalidParameter for what a caller of the service sent; RangeError for what our own code got wrong.
 */
export function encodeWrites(writes: readonly Write[], writeId: string | undefined): readonly EncodedWrite[] {
  if (writes.length > maxWrites) throw new RangeError(`A call may hold ${maxWrites} writes, not ${writes.length}.`)
  const seen = new Set<string>()
  let bytes = 0
  return writes.map((write) => {
    const { pk, sk } = write.op === 'put' ? write.item : write
    const address = JSON.stringify([write.table, pk, sk])
    if (seen.has(address)) throw new RangeError(`A call may name an item once: ${address}.`)
    seen.add(address)
    requireKey('pk', pk, maxPartitionKeyBytes)
    requireKey('sk', sk, maxSortKeyBytes)
    const key = { op: write.op, table: write.table, pk, sk, ...(write.condition && { condition: write.condition }) }
    if (write.op !== 'put') return key
    const text = encodeItem(write.item, writeId)
    bytes += Buffer.byteLength(text)
    if (bytes > maxCallBytes) throw new RangeError(`A call's items may take ${maxCallBytes} bytes together.`)
    return { ...key, put: { item: write.item, text } }
  })
}

function encodeItem(item: Item, writeId: string | undefined): string {
  if (item.gpk !== undefined) requireKey('gpk', item.gpk, maxPartitionKeyBytes)
  if (item.byTime !== undefined) requireKey('byTime', item.byTime, maxSortKeyBytes)
  if (item.byName !== undefined) requireKey('byName', item.byName, maxSortKeyBytes)
  // A writeId read with the item names another write: it must not survive in this one.
  const text = JSON.stringify({ ...item, writeId })
  requireItemText(text)
  requireStorable(item, maxDepth)
  return text
}

/** @throws KmsError invalidParameter for an item's JSON that no adapter stores. */
export function requireItemText(text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxItemBytes) {
    throw new KmsError('invalidParameter', `The resource takes ${bytes} bytes; at most ${maxItemBytes} can be stored.`)
  }
  if (!isWellFormed(text)) throw new KmsError('invalidParameter', 'A text holds half of a surrogate pair.')
}

function requireStorable(value: Json | undefined, depth: number): void {
  if (typeof value === 'number' && value !== 0) {
    const magnitude = Math.abs(value)
    if (magnitude < smallestNumber || magnitude > largestNumber) {
      throw new KmsError('invalidParameter', `The number ${value} cannot be stored.`)
    }
  }
  if (typeof value !== 'object' || value === null) return
  if (depth === 0) throw new KmsError('invalidParameter', `A value can be nested ${maxDepth - 1} deep at most.`)
  for (const [name, inner] of Object.entries(value)) {
    if (name === '') throw new KmsError('invalidParameter', 'A member must have a name.')
    requireStorable(inner, depth - 1)
  }
}

function requireKey(member: string, value: string, maxBytes: number): void {
  if (!isKeyText(value, maxBytes)) {
    throw new RangeError(`${member} must be well-formed Unicode of 1 to ${maxBytes} bytes.`)
  }
}

/** JSON.stringify escapes exactly the lone surrogates; a text that merely spells `\ud800` has its backslash doubled. */
function isWellFormed(json: string): boolean {
  return !json.includes('\\ud') || !/(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(json)
}
