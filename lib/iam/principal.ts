import type { BoundNames } from './bindNames.ts'
import { foldCase } from './foldCase.ts'
import type { Subject, SubjectItem } from './policyParser.js'

export interface PrincipalGroup {
  readonly id: string
  readonly name: string
  /** The identity domain; left out for the Default domain. */
  readonly domain?: string
}

/** Who makes a request. */
export interface Principal {
  readonly kind: 'user' | 'service' | 'resource'
  readonly id: string
  readonly name: string
  readonly tenancyId: string
  readonly groups: readonly PrincipalGroup[]
  readonly dynamicGroups: readonly PrincipalGroup[]
  /** What is known of a workload, by the whole names of variables in lower case (`request.principal.namespace`). */
  readonly variables?: PrincipalVariables
}

export type PrincipalVariables = Readonly<Record<string, string | readonly string[]>>

/** One text per way a statement can name a subject: a statement applies where it and the principal share one. */
export function subjectKeys(subject: Subject, bound?: BoundNames): readonly string[] {
  switch (subject.kind) {
    case 'group':
      return subject.items.flatMap((item) => boundKeys(subject.kind, item, bound?.groups))
    case 'dynamic-group': {
      const named = bound && (bound.dynamicGroups ?? [])
      return subject.items.flatMap((item) => boundKeys(subject.kind, item, named))
    }
    case 'service':
      return subject.names.map(serviceKey)
    default:
      return [subject.kind]
  }
}

const keysByPrincipal = new WeakMap<Principal, ReadonlySet<string>>()

/** Remembered per object: the caller keeps principals and does not change them. */
export function principalKeys(principal: Principal): ReadonlySet<string> {
  const known = keysByPrincipal.get(principal)
  if (known !== undefined) return known
  const keys = new Set(keysOf(principal))
  keysByPrincipal.set(principal, keys)
  return keys
}

/** Members of the default Administrators group are exempt from deny statements (contract §9.3). */
export const administratorsKey = itemKey('group', { kind: 'name', name: 'Administrators' })

function keysOf({ kind, name, groups, dynamicGroups }: Principal): readonly string[] {
  const memberships = [
    ...groups.flatMap((group) => groupKeys('group', group)),
    ...dynamicGroups.flatMap((group) => groupKeys('dynamic-group', group)),
  ]
  if (kind === 'service') return ['any-user', serviceKey(name), ...memberships]
  const isInAnyGroup = kind === 'user' || memberships.length > 0
  return ['any-user', ...(isInAnyGroup ? ['any-group'] : []), ...memberships]
}

function groupKeys(kind: 'group' | 'dynamic-group', { id, name, domain }: PrincipalGroup): readonly string[] {
  const byName = itemKey(kind, { kind: 'name', name, ...(domain !== undefined && { domain }) })
  return [itemKey(kind, { kind: 'id', ocid: id }), byName]
}

/** A name means the group that it meant when the policy was written: by its OCID, or nobody. */
function boundKeys(
  kind: 'group' | 'dynamic-group',
  item: SubjectItem,
  bound: BoundNames['groups'] | undefined,
): readonly string[] {
  if (item.kind === 'id' || bound === undefined) return [itemKey(kind, item)]
  return bound
    .filter(({ name }) => name === foldCase(item.name))
    .map(({ id }) => itemKey(kind, { kind: 'id', ocid: id }))
}

// NUL cannot occur in a parsed name, so no two subjects share a key.
function itemKey(kind: 'group' | 'dynamic-group', item: SubjectItem): string {
  if (item.kind === 'id') return `${kind}\0id\0${foldCase(item.ocid)}`
  return `${kind}\0name\0${foldCase(item.domain ?? 'Default')}\0${foldCase(item.name)}`
}

function serviceKey(name: string): string {
  return `service\0${foldCase(name)}`
}
