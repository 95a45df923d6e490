import { KmsError } from '../../errors.ts'
import type { TagDefaultRow, TagNamespaceRow, TagRow } from './identityRows.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'

export function namespacesIn(state: TenancyState): readonly TagNamespaceRow[] {
  return rowsOf<TagNamespaceRow>(state, 'tagNamespace')
}

export function tagsIn(state: TenancyState, tagNamespaceId: string): readonly TagRow[] {
  return rowsOf<TagRow>(state, 'tag').filter((tag) => tag.tagNamespaceId === tagNamespaceId)
}

/** The same key whatever the case; undefined where the namespace has none of that name. */
export function tagNamed(state: TenancyState, tagNamespaceId: string, name: string): TagRow | undefined {
  const folded = name.toLowerCase()
  return tagsIn(state, tagNamespaceId).find((each) => each.name.toLowerCase() === folded)
}

/** A key for itself, or with its namespace, since it was last taken into use. */
export function isTagRetired(tag: TagRow, namespace: Pick<TagNamespaceRow, 'retirements'>): boolean {
  return tag.isRetired || tag.retirements < namespace.retirements
}

export function defaultsIn(state: TenancyState): readonly TagDefaultRow[] {
  return rowsOf<TagDefaultRow>(state, 'tagDefault')
}

/** Of a compartment and of all above it, given from below: the nearest of each key. */
export function effectiveDefaults(state: TenancyState, path: readonly string[]): readonly TagDefaultRow[] {
  const all = defaultsIn(state)
  const nearest = new Map<string, TagDefaultRow>()
  for (const compartmentId of path) {
    for (const each of all) {
      if (each.compartmentId === compartmentId && !nearest.has(each.tagId)) nearest.set(each.tagId, each)
    }
  }
  return [...nearest.values()]
}

/** A default of a key that is gone could not be shown. */
export function requireNoDefaults(state: TenancyState, has: string, tags: readonly TagRow[]): void {
  const ids = new Set(tags.map(({ id }) => id))
  const of = defaultsIn(state).find(({ tagId }) => ids.has(tagId))
  if (of === undefined) return
  throw new KmsError('conflict', `${has} a tag default in the compartment ${of.compartmentId}; delete that first.`)
}
