/**
 * As JSON.parse, but for a fault of Node 24's engine (V8 13.6): it takes a name that is written with an escape for another one
 * that it has read in an object of the same shape, where that is how the text begins: after `{"a\\":1}` it reads `{"a\"":1}` as the
 * former. So one caller's names would change another's. A text with such a name is read here.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return hasEscapedName(text) ? readAnew(text) : value
}

const [quote, backslash, colon, comma] = [34, 92, 58, 44]

/** The place of the quote that ends a string. A run of backslashes is looked at once, by the quote behind it. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end
    while (text.charCodeAt(before - 1) === backslash) before -= 1
    if ((end - before) % 2 === 0) return end
  }
}

// INVARIANT: from here on the text is known to be JSON.

function hasEscapedName(text: string): boolean {
  const first = text.indexOf('\\')
  if (first < 0) return false
  // The string that has it begins before it.
  for (let start = text.indexOf('"'); start >= 0;) {
    const end = endOfString(text, start)
    if (end > first && isName(text, end) && text.slice(start, end).includes('\\')) return true
    start = text.indexOf('"', end + 1)
  }
  return false
}

function isName(text: string, end: number): boolean {
  let at = end + 1
  while (isSpace(text.charCodeAt(at))) at += 1
  return text.charCodeAt(at) === colon
}

function isSpace(mark: number): boolean {
  return mark === 32 || mark === 10 || mark === 13 || mark === 9
}

/** An array or object that is being read. */
interface Open {
  readonly list: unknown[] | undefined
  readonly members: Record<string, unknown>
  /** Of the member that comes next; undefined: its name is to come. */
  name: string | undefined
}

const token = /[^\s,\]}]+/y

/** Without recursion: nobody has bounded its levels. */
function readAnew(text: string): unknown {
  const outside: Open = { list: [], members: {}, name: undefined }
  const open = [outside]
  let inner = outside
  for (let at = 0; at < text.length;) {
    const mark = text.charCodeAt(at)
    if (mark === quote) {
      const end = endOfString(text, at)
      const read = JSON.parse(text.slice(at, end + 1)) as string
      if (inner.list === undefined && inner.name === undefined) inner.name = read
      else add(inner, read)
      at = end + 1
    } else if (text[at] === '{' || text[at] === '[') {
      const next: Open = { list: text[at] === '[' ? [] : undefined, members: {}, name: undefined }
      add(inner, next.list ?? next.members)
      open.push(next)
      inner = next
      at += 1
    } else if (text[at] === '}' || text[at] === ']') {
      open.pop()
      inner = open.at(-1) ?? outside
      at += 1
    } else if (mark === comma || mark === colon || isSpace(mark)) at += 1
    else {
      token.lastIndex = at
      const [read = ''] = token.exec(text) ?? []
      add(inner, JSON.parse(read))
      at += read.length
    }
  }
  return outside.list?.[0]
}

function add(open: Open, value: unknown): void {
  if (open.list !== undefined) open.list.push(value)
  else {
    const { members, name = '' } = open
    // Assigned, that one would be no member but the prototype.
    if (name === '__proto__')
      Object.defineProperty(members, name, { value, writable: true, enumerable: true, configurable: true })
    else members[name] = value
    open.name = undefined
  }
}
