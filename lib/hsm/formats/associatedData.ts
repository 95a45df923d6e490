import { KmsError } from '../../errors.ts'

/**
 * One byte string per associatedData: the pairs sorted by the UTF-8 bytes of their names, each name and value after its
 * length in four bytes. No other map has the same bytes; an absent map and an empty one are equal.
 */
export function encodeAssociatedData(pairs: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(pairs)
  if (names.length === 0) return Buffer.alloc(0)
  const encoded = names.map((name) => ({ name: utf8(name), value: utf8(pairs[name] ?? '') }))
  encoded.sort((left, right) => Buffer.compare(left.name, right.name))
  return Buffer.concat(encoded.flatMap(({ name, value }) => [lengthOf(name), name, lengthOf(value), value]))
}

function utf8(text: string): Buffer {
  // Every lone surrogate becomes the same replacement character, so two different texts would have one encoding.
  if (!text.isWellFormed()) throw new KmsError('invalidParameter', 'associatedData must be well-formed Unicode.')
  return Buffer.from(text)
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.length)
  return length
}
