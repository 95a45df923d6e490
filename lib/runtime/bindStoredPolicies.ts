import { bindKnownNames } from '../iam/bindNames.ts'
import { compartmentTree } from '../iam/compartmentTree.ts'
import { isKmsError } from '../errors.ts'
import { appendIdentity } from '../kms/identity/identityLog.ts'
import type {
  BoundPolicyNames,
  CompartmentRow,
  DynamicGroupRow,
  GroupRow,
  PolicyRow,
} from '../kms/identity/identityRows.ts'
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
    const policy = rowsOf<PolicyRow>(state, 'policy').find(({ bound }) => bound === undefined)
    if (policy === undefined) return
    const tree = compartmentTree(rowsOf<CompartmentRow>(state, 'compartment'))
    const groups = rowsOf<GroupRow>(state, 'group')
    const dynamicGroups = rowsOf<DynamicGroupRow>(state, 'dynamicGroup')
    const bound = boundNames(policy, { tree, groups, dynamicGroups })
    // A false answer means that another entry was faster: what it did is read first.
    await appendIdentity(ports, tenancyId, { after: state.seq, puts: [{ ...policy, bound }] })
  }
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
