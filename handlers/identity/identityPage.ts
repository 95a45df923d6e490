import { optionalChoice } from '../../lib/http/fields.ts'
import type { Answer, Request } from '../../lib/http/operation.ts'
import { nextPage, pageAfter, pageLimit } from '../../lib/http/paging.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { pageBytes } from '../../lib/ports.ts'

interface Listed {
  readonly id: string
  readonly name: string
  readonly timeCreated: string
}

const order = {
  TIMECREATED: { key: 'timeCreated', direction: 'DESC' },
  NAME: { key: 'name', direction: 'ASC' },
} as const

/** One page by the request's `name`, `sortBy`, `sortOrder`, `limit` and `page`. Identity is held in memory: it is sorted there. */
export function identityPage<T extends Listed>(
  request: Request,
  rows: readonly T[],
  toWire: (row: T) => JsonObject,
): Answer {
  const { query } = request
  const { key, direction } = order[optionalChoice(query, 'sortBy', ['TIMECREATED', 'NAME']) ?? 'TIMECREATED']
  const isDescending = (optionalChoice(query, 'sortOrder', ['ASC', 'DESC']) ?? direction) === 'DESC'
  const limit = pageLimit(query)
  const after = pageAfter(request)
  const isBeyond = (place: string) => after === undefined || (isDescending ? place < after : place > after)
  const rest = rows
    .filter((row) => query['name'] === undefined || row.name === query['name'])
    .map((row) => ({ row, place: `${row[key]}\0${row.id}` }))
    .filter(({ place }) => isBeyond(place))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
  if (isDescending) rest.reverse()
  const body: JsonObject[] = []
  let bytes = 0
  for (const [position, { row }] of rest.entries()) {
    if (body.length === limit || bytes >= pageBytes) {
      return { body, headers: nextPage(request, rest[position - 1]?.place) }
    }
    const wire = toWire(row)
    body.push(wire)
    bytes += JSON.stringify(wire).length
  }
  return { body }
}
