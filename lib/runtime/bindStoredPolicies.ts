import { bindKnownNames, namesInCondition } from '../iam/bindNames.ts'
import { isKmsError } from '../errors.ts'
import { directoryOf } from '../kms/identity/directoryOf.ts'
import { appendIdentity } from '../kms/identity/identityLog.ts'
import type { BoundPolicyNames, PolicyRow } from '../kms/identity/identityRows.ts'
import { rowsOf, tenancyState } from '../kms/identity/tenancyState.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'

type Ports = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>

/**
 * Once, for policies that an older version stored: from here on their names mean what they mean now. One entry each, because
 * an entry must fit a message.
 */
export async function bindStoredPolicies(ports: Ports, tenancyId: string): Promise<void> {
  for (;;) {
    const state = await tenancyState(ports, tenancyId)
    const policy = rowsOf<PolicyRow>(state, 'policy').find(isUnbound)
    if (policy === undefined) return
    const now = boundNames(policy, directoryOf(state))
    // What was bound before stays: only of the names in conditions nothing was kept.
    const bound = policy.bound === undefined ? now : { ...policy.bound, conditions: now.conditions ?? [] }
    // A false answer means that another entry was faster: what it did is read first.
    await appendIdentity(ports, tenancyId, { after: state.seq, puts: [{ ...policy, bound }] })
  }
}

function isUnbound({ bound, statements }: PolicyRow): boolean {
  return bound === undefined || (bound.conditions === undefined && statements.some(namesInCondition))
}

function boundNames(policy: PolicyRow, directory: Parameters<typeof bindKnownNames>[1]): BoundPolicyNames {
  const statements = policy.statements.filter((statement) => {
    try {
      bindKnownNames({ ...policy, statements: [statement] }, directory)
      return true
    } catch (cause) {
      // One that no longer parses grants nothing, whatever it names.
      if (isKmsError(cause, 'invalidParameter')) return false
      throw cause
    }
  })
  return { ...bindKnownNames({ ...policy, statements }, directory) }
}
