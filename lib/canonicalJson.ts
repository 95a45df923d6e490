/** A value that JSON can carry. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [member: string]: Json | undefined
}

/**
 * One text per value: members sorted by UTF-16 code units, no white space, members that are `undefined` left out.
 * Everything that is signed or authenticated by a MAC goes through this function (the shape of RFC 8785).
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  return isArray(value) ? arrayText(value) : canonicalObject(value, noNames)
}

/** As `canonicalJson`, without some of the object's own members. */
export function canonicalObject(value: JsonObject, without: ReadonlySet<string>): string {
  let text = '{'
  for (const name of Object.keys(value).sort()) {
    const member = value[name]
    if (member === undefined || without.has(name)) continue
    if (text.length > 1) text += ','
    text += headOf(name)
    text += canonicalJson(member)
  }
  return `${text}}`
}

function arrayText(values: readonly Json[]): string {
  let text = '['
  for (const value of values) {
    if (text.length > 1) text += ','
    text += canonicalJson(value)
  }
  return `${text}]`
}

/** How a member begins. Rows and messages have few names of members, each met again and again. */
const heads = new Map<string, string>()
const maxHeads = 1000

function headOf(name: string): string {
  const known = heads.get(name)
  if (known !== undefined) return known
  const head = `${JSON.stringify(name)}:`
  if (heads.size >= maxHeads) heads.clear()
  heads.set(name, head)
  return head
}

const noNames: ReadonlySet<string> = new Set()

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
