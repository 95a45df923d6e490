import * as v from 'valibot'
import { textFromBytes } from '../textFromBytes.ts'
import { KmsError } from '../errors.ts'
import { isNestedAtMost } from '../nesting.ts'
import { parseUniqueJson, RepeatedMember } from '../parseUniqueJson.ts'
import { plainName, type WireRequest } from './wireRequest.ts'

/** No operation's own body has more than four. */
const maxLevels = 64

/** The body as JSON; an empty one counts as `{}`, because some clients send zero bytes for it (contract §2.1). */
export function parseBody({ body }: WireRequest): unknown {
  if (body.length === 0) return {}
  const text = textFromBytes(body)
  if (text === undefined) throw new KmsError('cannotParseRequest', 'The body is not UTF-8.')
  const value = parse(text)
  if (!isNestedAtMost(value, maxLevels)) {
    throw new KmsError('invalidParameter', `The body is nested more than ${maxLevels} levels deep.`)
  }
  if (surrogateEscape.test(text) && !isWellFormed(value)) {
    throw new KmsError('invalidParameter', 'The body holds half of a surrogate pair; send well-formed Unicode.')
  }
  return value
}

function parse(text: string): unknown {
  try {
    return parseUniqueJson(text)
  } catch (cause) {
    if (cause instanceof RepeatedMember) {
      const which = plainName.test(cause.member) ? `The member ${cause.member}` : 'A member'
      throw new KmsError('invalidParameter', `${which} stands twice in one object of the body; name each once.`)
    }
    throw new KmsError('cannotParseRequest', 'The body is not valid JSON.')
  }
}

/** Only by an escape can half a pair come in. Stored as UTF-8 it would be another text, and its row's MAC would not fit. */
const surrogateEscape = /\\u[dD][89a-fA-F]/

// INVARIANT: the value's levels are bounded before.
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member))
}

/**
 * @throws KmsError missingParameter or invalidParameter, naming the member and what it takes; never echoing its value.
 */
export function parseInput(schema: v.GenericSchema, value: unknown): unknown {
  // To valibot an array is an object without the wanted members.
  if (Array.isArray(value)) throw notAnObject()
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue)
  if (path === null) throw notAnObject()
  const array = issue.path?.findIndex(({ type, input }) => type === 'object' && Array.isArray(input)) ?? -1
  if (array > 0) {
    const name = issue.path
      ?.slice(0, array)
      .map(({ key }) => String(key))
      .join('.')
    throw new KmsError('invalidParameter', `${name ?? ''} is not valid: expected an object.`)
  }
  const isMissing = issue.input === undefined || issue.input === null
  if (isMissing) throw new KmsError('missingParameter', `${path} is missing.`)
  throw new KmsError(
    'invalidParameter',
    `${path} is not valid: ${issue.kind === 'schema' && issue.type !== 'custom' ? `expected ${issue.expected ?? issue.type}` : issue.message}.`,
  )
}

function notAnObject(): KmsError {
  return new KmsError('invalidParameter', 'The body must be a JSON object.')
}
