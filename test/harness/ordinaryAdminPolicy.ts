import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import type { PolicyRow } from '../../lib/kms/identity/identityRows.ts'
import { rowsOf, tenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { hasTenantAdminName } from '../../lib/kms/identity/tenantAdminPolicy.ts'
import type { TestCloud } from './twoRegions.ts'

const name = 'Ordinary'

/**
 * By another name the policy that lets the administrator do everything is one like others, which may be narrowed: so a test
 * can have a caller who may do little. Resolves with its OCID.
 */
export async function ordinaryAdminPolicy({ a, tenancyId, settle }: TestCloud): Promise<string> {
  const state = await tenancyState(a.runtime, tenancyId)
  const policy = rowsOf<PolicyRow>(state, 'policy').find((each) => hasTenantAdminName(each) || each.name === name)
  if (policy === undefined) throw new Error('There is none.')
  if (policy.name !== name) {
    await appendIdentity(a.runtime, tenancyId, { after: state.seq, puts: [{ ...policy, name }] })
    await settle()
  }
  return policy.id
}
