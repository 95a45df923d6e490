/**
 * Keys that somebody has written as text. They are read as the bytes that they are: what was once a string nobody can clear.
 */

interface TextForm {
  /** Each byte's value as a digit. */
  readonly digits: ReadonlyMap<number, number>
  readonly bitsOfDigit: number
  readonly maxPadding: number
}

const lineEnds = new Set(Buffer.from('\r\n'))
const padding = '='.charCodeAt(0)
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'

export const textForms = {
  hex: { digits: digitsOf('0123456789abcdef', '0123456789ABCDEF'), bitsOfDigit: 4, maxPadding: 0 },
  base64: { digits: digitsOf(`${letters}${letters.toLowerCase()}0123456789+/`), bitsOfDigit: 6, maxPadding: 2 },
} as const satisfies Record<string, TextForm>

export type TextFormName = keyof typeof textForms

function digitsOf(...alphabets: readonly string[]): ReadonlyMap<number, number> {
  return new Map(
    alphabets.flatMap((alphabet) => [...Buffer.from(alphabet)].map((byte, value) => [byte, value] as const)),
  )
}

/** Without its padding; undefined where anything else is in it. */
function body(bytes: Buffer, { digits, maxPadding }: TextForm): Buffer | undefined {
  let end = bytes.length
  while (bytes.length - end < maxPadding && bytes[end - 1] === padding) end -= 1
  const found = bytes.subarray(0, end)
  const isText = found.length > 0 && found.every((byte) => digits.has(byte) || (maxPadding > 0 && lineEnds.has(byte)))
  return isText ? found : undefined
}

export function isTextOf(bytes: Buffer, name: TextFormName): boolean {
  return body(bytes, textForms[name]) !== undefined
}

/** What the text says, which the caller clears; undefined where it is none of this form. */
export function decodedText(bytes: Buffer, name: TextFormName): Buffer | undefined {
  const { digits, bitsOfDigit } = textForms[name]
  const text = body(bytes, textForms[name])?.filter((byte) => digits.has(byte))
  if (text === undefined) return undefined
  const decoded = Buffer.alloc(Math.floor((text.length * bitsOfDigit) / 8))
  let [bits, count, at] = [0, 0, 0]
  for (const byte of text) {
    bits = ((bits << bitsOfDigit) | (digits.get(byte) ?? 0)) & 0xffff
    count += bitsOfDigit
    if (count < 8) continue
    count -= 8
    decoded[at++] = bits >> count
  }
  text.fill(0)
  return decoded
}

/** Without white space before and behind it: the same bytes. */
export function trimmed(bytes: Buffer): Buffer {
  const isBlank = (byte: number | undefined) => byte !== undefined && byte <= 0x20
  let [start, end] = [0, bytes.length]
  while (isBlank(bytes[start])) start += 1
  while (end > start && isBlank(bytes[end - 1])) end -= 1
  return bytes.subarray(start, end)
}
