import type { IndexName, Item, Page } from '../ports.ts'

/**
 * The page of a request for `limit` items, of which one more was looked for: only then more follow for certain, or where
 * looking was cut off because the page is large.
 */
export function pageOf(found: readonly Item[], limit: number, key: 'sk' | IndexName, isCut = false): Page {
  if (found.length <= limit && !isCut) return { items: found }
  const items = found.slice(0, limit)
  const next = items.at(-1)?.[key]
  return next === undefined ? { items } : { items, next }
}
