import { parseInstant } from '../../lib/calendar.ts'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless, type Request } from '../../lib/http/operation.ts'
import { nextPage, pageAfter } from '../../lib/http/paging.ts'
import { listEvents } from '../../lib/kms/listEvents.ts'
import { KmsError } from '../../lib/errors.ts'

const pageSize = 100

export const listEventsOperation = bodyless('ListEvents', async (request) => {
  const { query } = request
  const compartmentId = requiredOcid(query, 'compartmentId')
  const startTime = parseTime(query, 'startTime')
  const endTime = parseTime(query, 'endTime')
  if (startTime >= endTime) throw new KmsError('invalidParameter', 'startTime must lie before endTime.')
  authorizedCompartment(request, compartmentId)
  const kept = await keptSince(request)
  const after = pageAfter(request)
  const { events, next } = await listEvents(request.ports, {
    compartmentId,
    startTime: startTime > kept ? startTime : kept,
    endTime,
    limit: pageSize,
    ...(after === undefined ? {} : { after }),
  })
  return { body: events, headers: nextPage(request, next) }
})

/** What is older than the tenancy wants kept is not shown, though its row may still be there. */
async function keptSince({ ports, caller, now }: Request): Promise<string> {
  const { auditRetentionDays } = await ports.identity.tenancy(caller.principal.tenancyId)
  return auditRetentionDays === undefined ? '' : new Date(now - auditRetentionDays * 86_400_000).toISOString()
}

const earliest = Date.UTC(1970, 0, 1)
const latest = Date.UTC(9000, 0, 1)
const form = /^(\d{4}-\d{2}-\d{2})T(\d{1,2})(:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+ -]\d{2}:?\d{2})$/i

/** RFC 3339, and the forms that clients send: an hour of one digit, a `+` that arrived as a blank (contract §10.2). */
function parseTime(query: Readonly<Record<string, string>>, name: string): string {
  const text = query[name]
  if (text === undefined || text === '') throw new KmsError('missingParameter', `${name} is missing.`)
  const [, date, hour, rest, zone] = form.exec(text) ?? []
  const seconds = rest?.length === ':00'.length ? ':00' : ''
  const offset = (zone ?? '').replace(' ', '+').replace(/^(.\d{2})(\d{2})$/, '$1:$2')
  const time = parseInstant(`${date ?? ''}T${(hour ?? '').padStart(2, '0')}${rest ?? ''}${seconds}${offset}`)
  // NaN, for what is no time, fails both comparisons.
  if (!(time >= earliest && time < latest))
    throw new KmsError('invalidParameter', `${name} must be a time like 2026-01-02T03:04:05Z.`)
  return new Date(time).toISOString()
}
