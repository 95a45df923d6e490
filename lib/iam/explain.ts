import type { CompiledPolicy, Failing } from './policy.ts'
import { judgementsOf } from './policy.ts'
import type { Permission } from './permissions.ts'
import type { Principal } from './principal.ts'
import type { CompartmentTree } from './compartmentTree.ts'
import type { AccessRequest } from './variables.ts'

/** A statement by its policy and its place there, counted from 1. */
export interface StatementPlace {
  readonly policyId: string
  readonly number: number
}

/** Why one permission is granted on a compartment, or is not. */
export interface Explanation {
  readonly permission: Permission
  readonly grantedBy: readonly StatementPlace[]
  readonly deniedBy: readonly StatementPlace[]
  /** Statements with this permission that do not apply, those first that fail last: at their condition. */
  readonly nearly: readonly (StatementPlace & { readonly failing: Failing })[]
}

const order: readonly Failing[] = ['condition', 'place', 'subject']

/** What isAllowed found, by the same rules, for each permission that is asked. Pure. */
export function explain(
  policies: readonly CompiledPolicy[],
  tree: CompartmentTree,
  principal: Principal,
  request: AccessRequest,
): readonly Explanation[] {
  return request.permissions.map((permission) => {
    const judgements = judgementsOf(policies, { principal, tree, request, permission }).map((each) => ({
      ...each,
      place: { policyId: each.policy.id, number: each.statement + 1 },
    }))
    const applying = judgements.filter(({ failing }) => failing === undefined)
    return {
      permission,
      grantedBy: applying.filter(({ isDenial }) => !isDenial).map(({ place }) => place),
      deniedBy: applying.filter(({ isDenial }) => isDenial).map(({ place }) => place),
      nearly: judgements
        .flatMap(({ failing, isDenial, place }) => (failing === undefined || isDenial ? [] : [{ ...place, failing }]))
        .toSorted((a, b) => order.indexOf(a.failing) - order.indexOf(b.failing)),
    }
  })
}
