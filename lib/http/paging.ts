import { hash } from 'node:crypto'
import { textFromBytes } from '../textFromBytes.ts'
import { KmsError } from '../errors.ts'
import type { ListRequest } from '../kms/rows/listing.ts'
import { optionalChoice } from './fields.ts'
import type { Request } from './operation.ts'
import { parseJson } from '../parseJson.ts'

type Query = Readonly<Record<string, string>>

const defaultLimit = 100
const maxLimit = 1000
const sorts = {
  TIMECREATED: { index: 'byTime', order: 'DESC' },
  DISPLAYNAME: { index: 'byName', order: 'ASC' },
} as const

/** `limit`, `page`, `sortBy` and `sortOrder` (contract §2.1). @throws KmsError invalidParameter. */
export function listRequest(request: Request): ListRequest {
  const { query } = request
  const sortBy = optionalChoice(query, 'sortBy', ['TIMECREATED', 'DISPLAYNAME']) ?? 'TIMECREATED'
  const sortOrder = optionalChoice(query, 'sortOrder', ['ASC', 'DESC']) ?? sorts[sortBy].order
  const after = pageAfter(request)
  return {
    limit: pageLimit(query),
    index: sorts[sortBy].index,
    descending: sortOrder === 'DESC',
    ...(after === undefined ? {} : { after }),
  }
}

export function pageLimit(query: Query): number {
  const text = query['limit']
  if (text === undefined) return defaultLimit
  const limit = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > maxLimit)
    throw new KmsError('invalidParameter', `limit must be a whole number from 1 to ${maxLimit}.`)
  return limit
}

/** A token says where the next page starts and which list it belongs to. URL-safe, because clients do not escape it. */
export function pageAfter(request: Request): string | undefined {
  const token = request.query['page']
  if (token === undefined) return undefined
  const [list, after] = decode(token)
  if (list !== listOf(request) || after === undefined) {
    throw new KmsError(
      'invalidParameter',
      'page is not a token of this list; give the opc-next-page of the page before, with the same filters.',
    )
  }
  return after
}

/** The header only where another page exists: an empty one makes some clients loop. */
export function nextPage(request: Request, next: string | undefined): Record<string, string> {
  if (next === undefined) return {}
  return { 'opc-next-page': Buffer.from(JSON.stringify([listOf(request), next])).toString('base64url') }
}

function decode(token: string): readonly (string | undefined)[] {
  try {
    const value: unknown = parseJson(textFromBytes(Buffer.from(token, 'base64url')) ?? '')
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : []
  } catch {
    return []
  }
}

function listOf({ operation, vaultId, parameters, query }: Request): string {
  const { page: _page, limit: _limit, ...filters } = query
  return hash(
    'sha256',
    JSON.stringify([operation, vaultId, parameters, Object.entries(filters).sort()]),
    'base64url',
  ).slice(0, 16)
}
