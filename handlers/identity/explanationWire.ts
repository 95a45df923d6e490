import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { CompartmentTree } from '../../lib/iam/compartmentTree.ts'
import type { Explanation, StatementPlace } from '../../lib/iam/explain.ts'
import type { Failing } from '../../lib/iam/policy.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import type { TenancyState } from '../../lib/kms/identity/tenancyState.ts'

/** Others are many in a large tenancy, and tell less and less. */
const maxNearly = 10

const because = {
  condition: 'its condition does not hold',
  place: 'it is for another place',
  subject: 'it is for others: the user is in none of its groups',
} as const satisfies Record<Failing, string>

interface Explained extends Explanation {
  readonly compartmentId: string
  readonly isGranted: boolean
}

interface Where {
  readonly state: TenancyState
  readonly tree: CompartmentTree
  /** Names of the user's. */
  readonly groups: readonly string[]
}

export function toExplanation(explained: Explained, where: Where): JsonObject {
  const { permission, compartmentId, isGranted, grantedBy, deniedBy, nearly } = explained
  const statement = (place: StatementPlace) => toStatement(place, where.state)
  return {
    permission,
    compartmentId,
    compartmentName: where.tree.nameOf(compartmentId) ?? null,
    isGranted,
    grantedBy: grantedBy.map(statement),
    deniedBy: deniedBy.map(statement),
    nearly: nearly
      .slice(0, maxNearly)
      .map(({ failing, ...place }) => ({ ...statement(place), because: because[failing] })),
    missing: grantedBy.length > 0 ? null : missing(explained, where),
  }
}

function toStatement({ policyId, number }: StatementPlace, { rows }: TenancyState): JsonObject {
  const row = rows.get(identitySk.policy(policyId))
  const { name, statements } = row?.kind === 'policy' ? row : { name: '', statements: [] }
  return { policyId, policyName: name, number, statement: statements[number - 1] ?? '' }
}

/** One statement that would do, no wider than what was asked. */
function missing({ permission, compartmentId }: Explained, { tree, groups }: Where): string {
  const [group = 'GROUP'] = groups
  const place = compartmentId === tree.rootId ? 'tenancy' : `compartment id ${compartmentId}`
  return `Allow group ${/^[\w.-]+$/.test(group) ? group : `'${group}'`} to {${permission}} in ${place}`
}
