import { KmsError } from '../../errors.ts'
import type { CompartmentRow } from './identityRows.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'

/** Levels below the tenancy (OCI's limit). */
const maxDepth = 6

/** From the compartment itself up to the tenancy. */
export function pathUp(state: TenancyState, compartmentId: string): readonly string[] {
  const parentOf = new Map(rowsOf<CompartmentRow>(state, 'compartment').map((row) => [row.id, row.parentId]))
  const path: string[] = []
  for (let id: string | null | undefined = compartmentId; id != null && !path.includes(id); id = parentOf.get(id))
    path.push(id)
  return path
}

/** How many levels a compartment has with all that is in it, 1 for one without children; what is DELETED is in none. */
export function levelsOf(state: TenancyState, compartmentId: string): number {
  const rows = rowsOf<CompartmentRow>(state, 'compartment').filter(
    (row) => row.parentId !== null && row.lifecycleState !== 'DELETED',
  )
  let levels = 0
  for (let level = [compartmentId]; level.length > 0 && levels <= maxDepth; levels += 1)
    level = rows.filter(({ parentId }) => level.includes(parentId ?? '')).map(({ id }) => id)
  return levels
}

/** For what comes into a compartment. @throws KmsError limitExceeded */
export function requireDepth(state: TenancyState, parentId: string, levels = 1): void {
  if (pathUp(state, parentId).length - 1 + levels <= maxDepth) return
  throw new KmsError(
    'limitExceeded',
    `Compartments nest at most ${maxDepth} levels below the tenancy; choose a parent further up.`,
  )
}
