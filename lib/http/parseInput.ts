import * as v from 'valibot'
import { KmsError } from '../kms/errors.ts'
import type { WireRequest } from './wireRequest.ts'

/** The body as JSON; an empty one counts as `{}`, because some clients send zero bytes for it (contract §2.1). */
export function parseBody({ body }: WireRequest): unknown {
  if (body.length === 0) return {}
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new KmsError('cannotParseRequest', 'The body is not valid JSON.')
  }
}

/**
 * @throws KmsError missingParameter or invalidParameter, naming the member and what it takes; never echoing its value.
 */
export function parseInput(schema: v.GenericSchema, value: unknown): unknown {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue)
  if (path === null) throw new KmsError('invalidParameter', 'The body must be a JSON object.')
  const isMissing = issue.input === undefined || issue.input === null
  if (isMissing) throw new KmsError('missingParameter', `${path} is missing.`)
  throw new KmsError(
    'invalidParameter',
    `${path} is not valid: ${issue.kind === 'schema' && issue.type !== 'custom' ? `expected ${issue.expected ?? issue.type}` : issue.message}.`,
  )
}
