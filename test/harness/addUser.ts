import { createPublicKey, randomBytes } from 'node:crypto'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { newOcid } from '../../lib/ocid.ts'
import { publicKeyPem, signedCall, type Call } from './signedCall.ts'
import type { TestCloud } from './twoRegions.ts'

/** A user of the first tenancy in a group of its own, which may do what the statements say. Known in both regions. */
export async function addUser(cloud: TestCloud, group: string, statements: readonly string[]): Promise<Call> {
  const { a, clock, tenancyId } = cloud
  const userId = newOcid(randomBytes, 'user')
  const groupId = newOcid(randomBytes, 'group')
  const print = fingerprint(createPublicKey(publicKeyPem))
  await appendIdentity(a.runtime, tenancyId, {
    after: await headSeq(a.runtime, tenancyId),
    puts: [
      { sk: identitySk.group(groupId), kind: 'group', id: groupId, name: group },
      { sk: identitySk.user(userId), kind: 'user', id: userId, name: `one of ${group}` },
      { sk: identitySk.membership(userId, groupId), kind: 'membership', userId, groupId },
      { sk: identitySk.apiKey(userId, print), kind: 'apiKey', userId, fingerprint: print, publicKey: publicKeyPem },
    ],
  })
  const policy = { compartmentId: tenancyId, name: `for ${group}`, description: 'd', statements }
  await cloud.call(a, 'POST', '/20160918/policies', policy)
  await cloud.settle()
  const keyId = `${tenancyId}/${userId}/${print}`
  return (region, method, target, body, options = {}) =>
    signedCall(region, keyId, (clock.now += 1), method, target, body, options)
}
