import { koffi } from './koffi.ts'

/**
 * PKCS#11's structures as 64-bit systems lay them out: unsigned long and pointers of 8 bytes, no padding but the natural.
 * Encoded by hand, because templates nest and a call off the event loop needs memory that stays where it is.
 */

export type AttributeValue = boolean | number | Uint8Array | Template
export type Template = readonly (readonly [type: number, value: AttributeValue])[]

/** Memory for one call. INVARIANT: whoever passes `bytes` on keeps this object until the call is over. */
export interface Encoded {
  readonly bytes: Buffer
  readonly count: number
  /** What `bytes` points to. */
  readonly held: readonly unknown[]
}

const WORD = 8
const HALF = 2 ** 32
const ATTRIBUTE = 3 * WORD

export function ulong(value: number): Buffer {
  return putUlong(Buffer.alloc(WORD), value)
}

/** In halves: numbers of 64 bits cost an object each. */
export function putUlong(bytes: Buffer, value: number): Buffer {
  bytes.writeUInt32LE(value % HALF, 0)
  bytes.writeUInt32LE(Math.floor(value / HALF), 4)
  return bytes
}

export function readUlong(bytes: Buffer, index = 0): number {
  return bytes.readUInt32LE(index * WORD) + bytes.readUInt32LE(index * WORD + 4) * HALF
}

function address(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : koffi().address(bytes)
}

const kept = new WeakMap<Template, Encoded | null>()

/** A template that says nothing secret and is used again and again: it is encoded once. The library reads it only. */
export function keptTemplate(template: Template): Template {
  kept.set(template, null)
  return template
}

export function encodeTemplate(template: Template): Encoded {
  const known = kept.get(template)
  if (known !== undefined && known !== null) return known
  const encoded = encodeAnew(template)
  if (known === null) kept.set(template, encoded)
  return encoded
}

function encodeAnew(template: Template): Encoded {
  const bytes = Buffer.alloc(template.length * ATTRIBUTE)
  const held: unknown[] = []
  for (const [index, [type, value]] of template.entries()) {
    const content = encodeValue(value, held)
    held.push(content)
    bytes.writeBigUInt64LE(BigInt(type), index * ATTRIBUTE)
    bytes.writeBigUInt64LE(address(content), index * ATTRIBUTE + WORD)
    bytes.writeBigUInt64LE(BigInt(content.length), index * ATTRIBUTE + 2 * WORD)
  }
  return { bytes, count: template.length, held }
}

function encodeValue(value: AttributeValue, held: unknown[]): Uint8Array {
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0])
  if (typeof value === 'number') return ulong(value)
  if (value instanceof Uint8Array) return value
  const nested = encodeTemplate(value)
  held.push(nested)
  return nested.bytes
}

/** For C_GetAttributeValue: lengths are asked for with room of no bytes. */
export function encodeRoom(types: readonly number[], rooms: readonly (Buffer | undefined)[] = []): Encoded {
  const bytes = Buffer.alloc(types.length * ATTRIBUTE)
  for (const [index, type] of types.entries()) {
    const room = rooms[index] ?? Buffer.alloc(0)
    bytes.writeBigUInt64LE(BigInt(type), index * ATTRIBUTE)
    bytes.writeBigUInt64LE(address(room), index * ATTRIBUTE + WORD)
    bytes.writeBigUInt64LE(BigInt(room.length), index * ATTRIBUTE + 2 * WORD)
  }
  return { bytes, count: types.length, held: [...rooms] }
}

/** The length that C_GetAttributeValue wrote; undefined where it gave none. */
export function lengthAt({ bytes }: Encoded, index: number): number | undefined {
  const length = bytes.readBigUInt64LE(index * ATTRIBUTE + 2 * WORD)
  return length > 0xffff_ffffn ? undefined : Number(length)
}

/** CK_MECHANISM. One may be used in any number of calls. */
export interface Mechanism extends Encoded {
  readonly type: number
}

export function mechanism(type: number, parameter?: Encoded): Mechanism {
  const bytes = Buffer.alloc(3 * WORD)
  bytes.writeBigUInt64LE(BigInt(type), 0)
  if (parameter !== undefined) {
    bytes.writeBigUInt64LE(address(parameter.bytes), WORD)
    bytes.writeBigUInt64LE(BigInt(parameter.bytes.length), 2 * WORD)
  }
  return { type, bytes, count: 1, held: [parameter] }
}

/** CK_RSA_PKCS_PSS_PARAMS and the like: words only. */
export function encodeWords(...words: readonly number[]): Encoded {
  return { bytes: Buffer.concat(words.map(ulong)), count: words.length, held: [] }
}

/** CK_C_INITIALIZE_ARGS: no mutex functions of ours, the flags, and the vendor's own text in the reserved pointer. */
export function encodeInitializeArgs(flags: number, reserved?: string): Encoded {
  const bytes = Buffer.alloc(7 * WORD)
  bytes.writeBigUInt64LE(BigInt(flags), 4 * WORD)
  if (reserved === undefined) return { bytes, count: 1, held: [] }
  const text = Buffer.from(`${reserved}\0`)
  bytes.writeBigUInt64LE(address(text), 5 * WORD)
  return { bytes, count: 1, held: [text] }
}
