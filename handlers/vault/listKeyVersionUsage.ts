import { isDay } from '../../lib/calendar.ts'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { optionalChoice } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { nextPage, pageAfter, pageLimit } from '../../lib/http/paging.ts'
import { KmsError } from '../../lib/errors.ts'
import { versionUsage, type UsageDay } from '../../lib/kms/usage/metering.ts'

/** Our extension: which key versions of the caller's tenancy existed in this region on which days. */
export const listKeyVersionUsageOperation = bodyless('ListKeyVersionUsage', async (request) => {
  const { query, caller, ports } = request
  const { tenancyId } = caller.principal
  const from = requiredDay(query, 'from')
  const to = requiredDay(query, 'to')
  if (from > to) throw new KmsError('invalidParameter', 'from must not lie after to.')
  if (Date.parse(to) - Date.parse(from) > maxDays * 86_400_000) {
    throw new KmsError('invalidParameter', `from and to may lie at most ${maxDays} days apart.`)
  }
  const format = optionalChoice(query, 'format', ['json', 'csv']) ?? 'json'
  authorizedCompartment(request, tenancyId)
  const after = pageAfter(request)
  const limit = pageLimit(query)
  const { days, next } = await versionUsage(ports, tenancyId, {
    from,
    to,
    limit,
    ...(after === undefined ? {} : { after }),
  })
  const headers = nextPage(request, next)
  if (format === 'json') return { body: days.map((day) => ({ ...day })), headers }
  return { text: toCsv(days), headers: { ...headers, 'content-type': 'text/csv' } }
})

const maxDays = 366

function requiredDay(query: Readonly<Record<string, string>>, name: string): string {
  const text = query[name]
  if (text === undefined || text === '') throw new KmsError('missingParameter', `${name} is missing.`)
  if (isDay(text) && text >= '1970-01-01') return text
  throw new KmsError('invalidParameter', `${name} must be a day like 2026-01-31.`)
}

const columns = ['day', 'region', 'isPrimary', 'vaultId', 'keyId', 'keyVersionId'] as const satisfies (keyof UsageDay)[]

/** No value has a comma or a quote: days, regions, booleans and OCIDs. */
function toCsv(days: readonly UsageDay[]): string {
  return (
    [columns.join(','), ...days.map((day) => columns.map((name) => String(day[name])).join(','))].join('\r\n') + '\r\n'
  )
}
