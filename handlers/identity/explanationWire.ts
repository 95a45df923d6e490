import type { JsonObject } from '../../lib/canonicalJson.ts'
import { isAuthorized } from '../../lib/http/isAuthorized.ts'
import type { Request } from '../../lib/http/operation.ts'
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
const forOthers = 'it is for others than the service'

interface Explained extends Explanation {
  readonly compartmentId: string
  readonly isGranted: boolean
  readonly service: string | undefined
}

interface Where {
  /** Who asks: policies and names of compartments that they may not read are left out. */
  readonly request: Request
  readonly state: TenancyState
  /** Names of the user's. */
  readonly groups: readonly string[]
}

export function toExplanation(explained: Explained, { request, state, groups }: Where): JsonObject {
  const { permission, compartmentId, isGranted, service, grantedBy, deniedBy, nearly } = explained
  const { tree } = request.caller
  const isShown = ({ policyId }: StatementPlace) => {
    const row = state.rows.get(identitySk.policy(policyId))
    return row?.kind === 'policy' && isAuthorized(request, ['POLICY_READ'], row.compartmentId)
  }
  const statement = (place: StatementPlace) => toStatement(place, state)
  const isNamed = isAuthorized(request, ['COMPARTMENT_INSPECT'], compartmentId)
  const why = (failing: Failing) => (failing === 'subject' && service !== undefined ? forOthers : because[failing])
  return {
    permission,
    /** Whose statement it takes; null: the user's. */
    service: service ?? null,
    compartmentId,
    compartmentName: isNamed ? (tree.nameOf(compartmentId) ?? null) : null,
    isGranted,
    grantedBy: grantedBy.filter(isShown).map(statement),
    deniedBy: deniedBy.filter(isShown).map(statement),
    nearly: nearly
      .filter(isShown)
      .slice(0, maxNearly)
      .map(({ failing, ...place }) => ({ ...statement(place), because: why(failing) })),
    missing: grantedBy.length > 0 ? null : missing(explained, tree.rootId, groups),
  }
}

function toStatement({ policyId, number }: StatementPlace, { rows }: TenancyState): JsonObject {
  const row = rows.get(identitySk.policy(policyId))
  const { name, statements } = row?.kind === 'policy' ? row : { name: '', statements: [] }
  return { policyId, policyName: name, number, statement: statements[number - 1] ?? '' }
}

/** One statement that would do, no wider than what was asked. */
function missing({ permission, compartmentId, service }: Explained, rootId: string, groups: readonly string[]): string {
  const [group = 'GROUP'] = groups
  const place = compartmentId === rootId ? 'tenancy' : `compartment id ${compartmentId}`
  const ofUser = `group ${/^[\w.-]+$/.test(group) ? group : `'${group}'`}`
  return `Allow ${service === undefined ? ofUser : `service ${service}`} to {${permission}} in ${place}`
}
