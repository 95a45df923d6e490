import { parseJson } from '../../parseJson.ts'
/** As they stand in the message, whose body is text in text: others need not be parsed to tell. */
const kinds = ['"kind":"records"', '"kind":"identity"'].map((text) => JSON.stringify(text).slice(1, -1))

interface Records {
  readonly kind?: unknown
  readonly records?: readonly {
    readonly key?: { readonly id?: unknown }
    readonly vault?: { readonly id?: unknown }
  }[]
}

/**
 * The vaults and keys whose records a message brings, or the tenancy whose identity it changes. Nothing is verified: it
 * decides only who waits for the message.
 */
export function resourcesIn(text: string): readonly string[] {
  if (!kinds.some((kind) => text.includes(kind))) return []
  try {
    const { body, tenancyId } = parseJson(text) as { body: string; tenancyId?: unknown }
    const content = parseJson(body) as Records
    if (content.kind === 'identity') return typeof tenancyId === 'string' ? [tenancyId] : []
    if (content.kind !== 'records') return []
    const ids = (content.records ?? []).map(({ key, vault }) => (key ?? vault)?.id)
    return [...new Set(ids.filter((id) => typeof id === 'string'))]
  } catch {
    return []
  }
}
