import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { identitySk, type TagDefaultRow, type TagNamespaceRow, type TagRow } from './identityRows.ts'
import { rowsOf, tenancyState, type TenancyState } from './tenancyState.ts'

/** Tag namespaces, their keys, and the defaults that compartments have of them. */
export interface TaggingRows {
  readonly tagNamespace: TagNamespaceRow
  readonly tag: TagRow
  readonly tagDefault: TagDefaultRow
}
export type TaggingKind = keyof TaggingRows

type Given = 'pk' | 'sk' | 'format' | 'seq' | 'signature' | 'kind' | 'id' | 'etag' | 'timeCreated'
export type TaggingInput<K extends TaggingKind> = Omit<TaggingRows[K], Given>

export const taggingKinds = {
  tagNamespace: { what: 'tag namespace', type: 'tagnamespace', sk: identitySk.tagNamespace },
  tag: { what: 'tag', type: 'tagdefinition', sk: identitySk.tag },
  tagDefault: { what: 'tag default', type: 'tagdefault', sk: identitySk.tagDefault },
} as const satisfies Record<TaggingKind, object>

type ReadPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'homeRegion'>

export function taggingIn<K extends TaggingKind>(state: TenancyState, kind: K, id: string): TaggingRows[K] | undefined {
  const row = state.rows.get(taggingKinds[kind].sk(id))
  // INVARIANT: what lies under a kind's sort key is of that kind.
  return row?.kind === kind ? (row as unknown as TaggingRows[K]) : undefined
}

/** Undefined where the tenancy has none of this OCID. */
export async function taggingById<K extends TaggingKind>(
  ports: ReadPorts,
  tenancyId: string,
  kind: K,
  id: string,
): Promise<TaggingRows[K] | undefined> {
  return taggingIn(await tenancyState(ports, tenancyId), kind, id)
}

/** @throws KmsError notAuthorizedOrNotFound */
export function requireTagging<K extends TaggingKind>(state: TenancyState, kind: K, id: string): TaggingRows[K] {
  const row = taggingIn(state, kind, id)
  if (row === undefined) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: taggingKinds[kind].what, id })
  return row
}

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
