import { KmsError } from '../errors.ts'
import { foldCase } from './foldCase.ts'

export interface CompartmentRow {
  readonly id: string
  /** Null for the tenancy itself, the root. */
  readonly parentId: string | null
  readonly name: string
  /** Where it is DELETED the name leads nowhere: another compartment may have it by now. */
  readonly lifecycleState?: string
}

export type NamedCompartment = Pick<CompartmentRow, 'id' | 'name'>

/** A tenancy's compartments at one moment. */
export interface CompartmentTree {
  /** The tenancy's OCID. */
  readonly rootId: string
  /** The compartment itself, its parent, … up to the root; empty for an id that does not lead to the root. */
  ancestors(id: string): readonly string[]
  nameOf(id: string): string | undefined
  /** A direct child by its name in lower case; undefined where there is none or more than one. */
  childOf(parentId: string, foldedName: string): string | undefined
  /** Direct children whose names lead somewhere. */
  childrenOf(parentId: string): readonly NamedCompartment[]
  /** The compartment itself and all below it, as far as their names lead somewhere. */
  within(id: string): readonly NamedCompartment[]
}

/** @throws KmsError integrityFailure where the rows have not exactly one root. */
export function compartmentTree(rows: readonly CompartmentRow[]): CompartmentTree {
  const [root, ...otherRoots] = rows.filter((row) => row.parentId === null)
  if (root === undefined || otherRoots.length > 0) {
    throw new KmsError('integrityFailure', 'The tenancy does not have exactly one root compartment.')
  }
  const byId = new Map(rows.map((row) => [row.id, row]))
  const children = childrenByName(rows)
  const cache = new Map<string, readonly string[]>()
  const ancestors = (id: string): readonly string[] => {
    const known = cache.get(id)
    if (known !== undefined) return known
    // Ids from outside are not remembered: the cache never outgrows the rows.
    if (!byId.has(id)) return []
    const found = pathToRoot(byId, id)
    cache.set(id, found)
    return found
  }
  return {
    rootId: root.id,
    ancestors,
    nameOf: (id) => byId.get(id)?.name,
    childrenOf: (parentId) => [...(children.get(parentId)?.values() ?? [])].flatMap((id) => byId.get(id ?? '') ?? []),
    within: (id) => rows.filter((row) => row.lifecycleState !== 'DELETED' && ancestors(row.id).includes(id)),
    childOf: (parentId, foldedName) => children.get(parentId)?.get(foldedName) ?? undefined,
  }
}

function pathToRoot(byId: ReadonlyMap<string, CompartmentRow>, id: string): readonly string[] {
  const path = new Set<string>()
  for (let row = byId.get(id); row !== undefined && !path.has(row.id); row = byId.get(row.parentId)) {
    path.add(row.id)
    if (row.parentId === null) return [...path]
  }
  return []
}

/** Null marks a name that two children share: it names neither. */
function childrenByName(rows: readonly CompartmentRow[]): Map<string, Map<string, string | null>> {
  const children = new Map<string, Map<string, string | null>>()
  for (const { id, parentId, name, lifecycleState } of rows) {
    if (parentId === null || lifecycleState === 'DELETED') continue
    const siblings = children.get(parentId) ?? new Map<string, string | null>()
    const folded = foldCase(name)
    siblings.set(folded, siblings.has(folded) ? null : id)
    children.set(parentId, siblings)
  }
  return children
}
