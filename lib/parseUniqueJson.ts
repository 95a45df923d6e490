import { endOfString, parseJson } from './parseJson.ts'

/** Two members of one object have the same name: which of them counts, readers decide differently. */
export class RepeatedMember extends Error {
  readonly member: string
  constructor(member: string) {
    super(`The member ${JSON.stringify(member)} stands twice in one object.`)
    this.member = member
  }
}

/** As JSON.parse, of a text that somebody else wrote. @throws SyntaxError, or RepeatedMember. Linear in the text's length. */
export function parseUniqueJson(text: string): unknown {
  const value = parseJson(text)
  // Of two with one name one is left.
  if (namesIn(text) !== membersOf(value)) throw new RepeatedMember(repeatedName(text))
  return value
}

const [quote, comma, colon, openBrace, closeBrace, openBracket, closeBracket] = [34, 44, 58, 123, 125, 91, 93]

/** INVARIANT: the text is JSON; outside of its strings a colon stands behind each name, and nowhere else. */
function namesIn(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at += 1) {
    const mark = text.charCodeAt(at)
    if (mark === quote) at = endOfString(text, at)
    else if (mark === colon) count += 1
  }
  return count
}

/** Without recursion: nobody has bounded its levels yet. */
function membersOf(value: unknown): number {
  let count = 0
  const rest = [value]
  for (let each = rest.pop(); each !== undefined; each = rest.pop()) {
    if (typeof each !== 'object' || each === null) continue
    const inner: readonly unknown[] = Array.isArray(each) ? each : Object.values(each)
    if (!Array.isArray(each)) count += inner.length
    for (const one of inner) if (typeof one === 'object' && one !== null) rest.push(one)
  }
  return count
}

/** An open array or object: the names so far, and whether what comes next is a name. */
interface Open {
  readonly names: Set<string> | undefined
  isAtName: boolean
}

/** The first that stands twice in one object. */
function repeatedName(text: string): string {
  const open: Open[] = []
  let inner: Open | undefined
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at)
        if (inner?.isAtName === true) {
          inner.isAtName = false
          const name = nameIn(text, at, end)
          if (inner.names?.has(name) === true) return name
          inner.names?.add(name)
        }
        at = end
        break
      }
      case openBrace:
        inner = { names: new Set(), isAtName: true }
        open.push(inner)
        break
      case openBracket:
        inner = { names: undefined, isAtName: false }
        open.push(inner)
        break
      case closeBrace:
      case closeBracket:
        open.pop()
        inner = open.at(-1)
        break
      case comma:
        if (inner?.names !== undefined) inner.isAtName = true
    }
  }
  throw new Error('No member of the text stands twice.')
}

/** The same name can be written in many ways. */
function nameIn(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  return raw.includes('\\') ? (parseJson(text.slice(start, end + 1)) as string) : raw
}
