/** The four parameters of an `Authorization: Signature …` header that carry meaning (contract §8.4). */
export interface AuthorizationHeader {
  readonly keyId: string
  readonly algorithm: string
  /** The names of the signed headers, as sent. */
  readonly headers: string
  /** Base64, as sent. */
  readonly signature: string
}

const maxLength = 8192
const maxParameters = 16
const scheme = /^signature +(?=\S)/i
const parameterName = /^[a-z][a-z0-9_-]*$/

/**
 * Parameters in any order, quoted, blanks allowed around commas, unknown ones ignored.
 * Undefined where the header is malformed, says anything twice, lacks a parameter, or is longer than 8 KiB.
 */
export function parseAuthorizationHeader(text: string): AuthorizationHeader | undefined {
  if (text.length > maxLength) return undefined
  const start = scheme.exec(text)?.[0].length
  const parameters = start === undefined ? undefined : readParameters(text, start)
  if (parameters === undefined) return undefined
  const valueOf = (name: string): string | undefined => parameters.values[parameters.names.indexOf(name)]
  const keyId = valueOf('keyid')
  const algorithm = valueOf('algorithm')
  const headers = valueOf('headers')
  const signature = valueOf('signature')
  if (!keyId || !algorithm || !headers || !signature || (valueOf('version') ?? '1') !== '1') return undefined
  return { keyId, algorithm, headers, signature }
}

/** Names in lower case, each with its value at the same position. Scans by `indexOf`: this runs for every request. */
function readParameters(text: string, start: number): { names: string[]; values: string[] } | undefined {
  const names: string[] = []
  const values: string[] = []
  let position = start
  while (names.length < maxParameters) {
    const quote = text.indexOf('="', position)
    const end = quote < 0 ? -1 : text.indexOf('"', quote + 2)
    if (end < 0) return undefined
    const name = text.slice(position, quote).toLowerCase()
    if (!parameterName.test(name) || names.includes(name)) return undefined
    names.push(name)
    values.push(text.slice(quote + 2, end))
    const comma = skipBlanks(text, end + 1)
    if (comma === text.length) return { names, values }
    if (text.charAt(comma) !== ',') return undefined
    position = skipBlanks(text, comma + 1)
  }
  return undefined
}

function skipBlanks(text: string, start: number): number {
  let position = start
  while (text.charAt(position) === ' ' || text.charAt(position) === '\t') position++
  return position
}
