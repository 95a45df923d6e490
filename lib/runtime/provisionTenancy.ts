import { createPublicKey } from 'node:crypto'
import { fingerprint } from '../iam/signature/fingerprint.ts'
import { appendIdentity } from '../kms/identity/identityLog.ts'
import { bindStoredPolicies } from './bindStoredPolicies.ts'
import { stampIdentity } from '../kms/identity/stampIdentity.ts'
import { tenancyState } from '../kms/identity/tenancyState.ts'
import { tenantAdminPolicy } from '../kms/identity/tenantAdminPolicy.ts'
import { identitySk } from '../kms/identity/identityRows.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import { newEtag } from '../kms/mutation.ts'
import { newOcid } from '../ocid.ts'

export interface NewTenancy {
  readonly tenancyId: string
  readonly tenancyName: string
  readonly administrator: { readonly userId: string; readonly name: string; readonly publicKeyPem: string }
}

type Ports = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion' | 'random' | 'clock'>

/**
 * The first entry of a tenancy's identity log: its root compartment, the Administrators group with its policy, and one
 * administrator with an API key. Where the tenancy has a log already, that is brought up to date once.
 */
export async function provisionTenancy(
  ports: Ports,
  { tenancyId, tenancyName, administrator }: NewTenancy,
): Promise<void> {
  const { seq } = await tenancyState(ports, tenancyId)
  if (seq > 0) {
    await stampIdentity(ports, tenancyId, seq)
    return bindStoredPolicies(ports, tenancyId)
  }
  const { userId, name, publicKeyPem } = administrator
  const timeCreated = new Date(ports.clock()).toISOString()
  const groupId = newOcid(ports.random, 'group')
  const policyId = newOcid(ports.random, 'policy')
  const apiKey = fingerprint(createPublicKey(publicKeyPem))
  await appendIdentity(ports, tenancyId, {
    after: 0,
    puts: [
      {
        sk: identitySk.compartment(tenancyId),
        kind: 'compartment',
        id: tenancyId,
        parentId: null,
        name: tenancyName,
        timeCreated,
      },
      { sk: identitySk.group(groupId), kind: 'group', id: groupId, name: 'Administrators' },
      ...tenantAdminPolicy(tenancyId, groupId, { id: policyId, timeCreated, etag: newEtag(ports.random) }),
      { sk: identitySk.user(userId), kind: 'user', id: userId, name },
      { sk: identitySk.membership(userId, groupId), kind: 'membership', userId, groupId },
      { sk: identitySk.apiKey(userId, apiKey), kind: 'apiKey', userId, fingerprint: apiKey, publicKey: publicKeyPem },
    ],
  })
}
