import * as v from 'valibot'
import { KmsError } from '../errors.ts'
import { parseInstant } from '../calendar.ts'
import { curves, keyLengths, type KeyAlgorithm } from '../hsm/algorithms.ts'
import { keysOf } from '../keysOf.ts'
import { parseOcid } from '../ocid.ts'
import { parseShape } from '../kms/keys/keyShape.ts'

/** The field types of the contract (§3.5). An optional member may also be null. */

export const ocid = v.pipe(
  v.string(),
  v.maxLength(255, 'at most 255 characters'),
  v.regex(/^ocid1(\.[a-zA-Z0-9_-]*){4,}$/, 'not an OCID'),
)

/** A text of so many characters, an emoji being one: not of the units that JavaScript counts. */
export function textOf(minCharacters: number, maxCharacters: number, what = '') {
  const { min, max } = {
    min: `${what}at least ${minCharacters} character${minCharacters === 1 ? '' : 's'}`,
    max: `${what}at most ${maxCharacters} characters`,
  }
  return v.pipe(
    v.string(),
    v.check((text) => text.length >= minCharacters, min),
    // A character has one or two units: a longer text is not counted.
    v.check((text) => text.length <= 2 * maxCharacters && characters(text) <= maxCharacters, max),
  )
}

function characters(text: string): number {
  let count = 0
  for (const _character of text) count += 1
  return count
}

/** C0, DEL and C1: what a name would do to a terminal or a log. */
const controlCharacter = /\p{Cc}/u
const noControlCharacter = v.check((text: string) => !controlCharacter.test(text), 'a name has no control characters')
/** What turns the line around, so that it reads as another: overrides, embeddings and isolates. */
const turning = String.raw`\u202a-\u202e\u2066-\u2069`
const turningCharacter = new RegExp(`[${turning}]`)
/** What nobody sees, or what ends a line. Joiners make words and emoji, so they stand between two characters, one at a time. */
const unseen = new RegExp(
  String.raw`[\u200b\u200e\u200f\u2028\u2029\u2060\ufeff${turning}]|(?:^|[\s\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?:$|\s)`,
)
const nothingUnseen = v.check(
  (text: string) => !unseen.test(text),
  'a name has no characters that nobody sees (zero width, marks of direction, line separators)',
)

export const displayName = v.pipe(textOf(1, 255), noControlCharacter, nothingUnseen)

const isTagText = (text: string) => !controlCharacter.test(text) && !turningCharacter.test(text)
const tagTextRule = 'a tag value has no control characters and none that turn its direction'
/** The value of a tag: one line. */
export const tagValueOf = (minCharacters: number) =>
  v.pipe(textOf(minCharacters, 256, 'a tag value has '), v.check(isTagText, tagTextRule))

/** Descriptions and policies have lines and tabs; nothing else that a terminal would obey, and nothing that turns a line around. */
export const plainLines = v.check(
  (text: string) => !/[^\P{Cc}\t\n\r]/u.test(text) && !turningCharacter.test(text),
  'no control characters but tabs and line ends, and none that turn the direction of text',
)

/** valibot's record leaves these names out without a word; what a caller wants bound to a ciphertext must not get lost. */
export const lostNames: readonly string[] = ['__proto__', 'prototype', 'constructor']

const isMap = (input: unknown) => typeof input === 'object' && input !== null && !Array.isArray(input)

/** A JSON object used as a map; valibot's record alone takes an array for one. */
function mapOf<K extends v.BaseSchema<string, string, v.BaseIssue<unknown>>, V extends v.GenericSchema>(
  key: K,
  value: V,
) {
  return v.pipe(
    v.custom<Record<string, unknown>>(isMap, 'expected an object'),
    v.check(
      (map) => !lostNames.some((name) => Object.hasOwn(map, name)),
      `the names ${lostNames.join(', ')} are not taken`,
    ),
    v.record(key, value),
  )
}

/** An object all of whose members are optional: valibot's own takes an array for an empty one. */
export function optionalMembers<E extends v.ObjectEntries>(entries: E) {
  return v.pipe(v.custom<Record<string, unknown>>(isMap, 'expected an object'), v.object(entries))
}

const freeform = v.pipe(
  mapOf(v.pipe(textOf(0, 100, 'a tag key has '), noControlCharacter, nothingUnseen), tagValueOf(0)),
  v.check((tags) => Object.keys(tags).length <= 10, 'at most 10 tags'),
)
type DefinedTagValue = string | number | boolean | null

/** Namespaces and keys of defined tags are the same whatever their case. */
const differInMoreThanCase = (map: object) => {
  const names = Object.keys(map)
  return new Set(names.map((name) => name.toLowerCase())).size === names.length
}
const oneTag = 'two names differ only in case, which makes them one tag'
const tagName = v.pipe(v.string(), noControlCharacter, nothingUnseen)
/** A JSON number beyond 2^53 was another one before it was parsed: what cannot be given back as it came is not taken. */
const isExact = (value: DefinedTagValue) => typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER
const definedTagValue = v.pipe(
  v.custom<DefinedTagValue>(
    (value) => value === null || ['string', 'number', 'boolean'].includes(typeof value),
    'a defined tag value is a string, a number or a boolean',
  ),
  v.check((value) => typeof value !== 'string' || isTagText(value), tagTextRule),
  v.check(isExact, 'a number of a defined tag lies between -2^53 and 2^53; send larger ones as strings'),
)
const defined = v.pipe(
  mapOf(
    tagName,
    v.pipe(
      mapOf(tagName, definedTagValue),
      v.check((map) => differInMoreThanCase(map), oneTag),
    ),
  ),
  v.check((map) => differInMoreThanCase(map), oneTag),
  v.check(
    (namespaces) => Object.values(namespaces).reduce((sum, tags) => sum + Object.keys(tags).length, 0) <= 64,
    'at most 64 defined tags',
  ),
)

export const freeformTags = v.nullish(freeform, {})
export const definedTags = v.nullish(defined, {})

const earliest = Date.UTC(1970, 0, 1)
const latest = Date.UTC(9000, 0, 1)

/** RFC 3339 (contract §2.1), as a Date. */
export const timestamp = v.pipe(
  v.string(),
  v.transform((text) => new Date(parseInstant(text))),
  // NaN, for a day that no month has, fails both comparisons.
  v.check(
    (date) => date.getTime() >= earliest && date.getTime() < latest,
    'expected a time like 2026-01-02T03:04:05Z, from 1970 to 8999',
  ),
)

/** The body of every scheduled deletion; the range of the time is judged against the clock later. */
export const scheduleDeletionDetails = v.object({ timeOfDeletion: v.nullish(timestamp) })

/** The body of every move. */
export const changeCompartmentDetails = v.object({ compartmentId: ocid })

/** What an update may set; all of it optional. */
export const updatableFields = {
  displayName: v.nullish(displayName),
  freeformTags: v.nullish(freeform),
  definedTags: v.nullish(defined),
}

type Present<T> = { [K in keyof T]?: NonNullable<T[K]> }

/** The members that are there: an absent one and a null one both leave things as they are. */
export function changedFields<T extends object>(details: T): Present<T> {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value != null)) as Present<T>
}

const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Standard alphabet with padding; CR and LF are ignored (contract §3.5). */
export function base64(maxBytes: number) {
  return v.pipe(
    v.string(),
    v.transform((text) => (text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, '') : text)),
    v.check((text) => text.length % 4 === 0 && base64Form.test(text), 'expected base64 (standard alphabet, padded)'),
    v.transform((text) => Buffer.from(text, 'base64')),
    v.check((bytes) => bytes.length <= maxBytes, `at most ${maxBytes} bytes after decoding`),
  )
}

const maxPairsText = 4095
const pairs = v.pipe(
  mapOf(v.string(), v.string()),
  v.check((map) => JSON.stringify(map).length <= maxPairsText, 'its JSON text must have less than 4096 characters'),
)
/** associatedData and loggingContext: missing and `{}` are equal. */
export const stringMap = v.nullish(pairs, {})

const decimal = /^(0|[1-9]\d{0,8})$/
const isWhole = (input: unknown) =>
  typeof input === 'number' ? Number.isSafeInteger(input) : typeof input === 'string' && decimal.test(input)

/** A number, or its decimal digits as a text: so Oracle's documentation and its CLI's examples write it. */
export const wholeNumber = v.pipe(v.custom<number | string>(isWhole, 'expected a whole number'), v.transform(Number))

/** Of these algorithms only. A combination that OCI does not have throws its own KmsError out of the parser. */
export function keyShapeOf<const A extends readonly KeyAlgorithm[]>(algorithms: A) {
  return v.pipe(
    v.object({
      algorithm: v.picklist(algorithms),
      length: wholeNumber,
      curveId: v.nullish(v.picklist(keysOf(curves))),
    }),
    v.transform((shape) => parseShape(shape)),
  )
}

export const keyShape = keyShapeOf(keysOf(keyLengths))

/** @throws KmsError missingParameter or invalidParameter. */
export function requiredOcid(query: Readonly<Record<string, string>>, name: string): string {
  const value = query[name]
  if (value === undefined || value === '') throw new KmsError('missingParameter', `${name} is missing.`)
  return parseOcid(value, name)
}

/** @throws KmsError invalidParameter where the value is none of those allowed. */
export function optionalChoice<T extends string>(
  query: Readonly<Record<string, string>>,
  name: string,
  allowed: readonly T[],
): T | undefined {
  const value = query[name]
  if (value === undefined) return undefined
  const found = allowed.find((choice) => choice === value)
  if (found === undefined) throw new KmsError('invalidParameter', `${name} must be one of ${allowed.join(', ')}.`)
  return found
}
