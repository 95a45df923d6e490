import { isDay } from '../../lib/calendar.ts'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { optionalChoice } from '../../lib/http/fields.ts'
import { bodyless, type Request } from '../../lib/http/operation.ts'
import { nextPage, pageAfter, pageLimit } from '../../lib/http/paging.ts'
import { KmsError } from '../../lib/errors.ts'
import { vaultPrefixOf } from '../../lib/ocid.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import { versionUsage, type UsageDay } from '../../lib/kms/usage/versionUsage.ts'

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
  const lines = await priced(request, days)
  if (format === 'json') return { body: lines.map((line) => ({ ...line })), headers }
  return { text: toCsv(lines), headers: { ...headers, 'content-type': 'text/csv' } }
})

const maxDays = 366

/** What a price depends on, as it is now; null where the key is gone from this region. */
interface Priced {
  readonly protectionMode: string | null
  readonly vaultType: string | null
  readonly compartmentId: string | null
}
const unknown: Priced = { protectionMode: null, vaultType: null, compartmentId: null }

async function priced(request: Request, days: readonly UsageDay[]): Promise<readonly (UsageDay & Priced)[]> {
  const known = new Map<string, Priced>()
  const vaults = new Map<string, Vault | undefined>()
  for (const { vaultId, keyId } of days) {
    if (known.has(keyId)) continue
    if (!vaults.has(vaultId)) vaults.set(vaultId, await request.ports.cache.freshVault(vaultId))
    known.set(keyId, await pricedKey(request, vaults.get(vaultId), keyId))
  }
  return days.map((day) => ({ ...day, ...(known.get(day.keyId) ?? unknown) }))
}

/** The meter's rows carry no MAC, so what they name is shown only where it is the caller's. */
async function pricedKey({ ports, caller }: Request, vault: Vault | undefined, keyId: string): Promise<Priced> {
  if (vault?.row.tenancyId !== caller.principal.tenancyId) return unknown
  const isInside = vaultPrefixOf(keyId) === vault.row.vaultPrefix
  const key = isInside ? await ports.cache.freshKey(vault.keys, keyId) : undefined
  if (key === undefined) return unknown
  const { protectionMode, compartmentId } = key
  return { protectionMode, vaultType: vault.row.vaultType, compartmentId }
}

function requiredDay(query: Readonly<Record<string, string>>, name: string): string {
  const text = query[name]
  if (text === undefined || text === '') throw new KmsError('missingParameter', `${name} is missing.`)
  if (isDay(text) && text >= '1970-01-01') return text
  throw new KmsError('invalidParameter', `${name} must be a day like 2026-01-31.`)
}

const columns = [
  'day',
  'region',
  'isPrimary',
  'vaultId',
  'keyId',
  'keyVersionId',
  'protectionMode',
  'vaultType',
  'compartmentId',
] as const satisfies (keyof (UsageDay & Priced))[]

/** No value has a comma or a quote: days, regions, booleans and OCIDs. */
function toCsv(days: readonly (UsageDay & Priced)[]): string {
  return (
    [columns.join(','), ...days.map((day) => columns.map((name) => String(day[name] ?? '')).join(','))].join('\r\n') +
    '\r\n'
  )
}
