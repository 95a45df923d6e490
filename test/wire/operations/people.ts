import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { newOcid } from '../../../lib/ocid.ts'
import { oidcIssuer } from '../../harness/oidcIssuer.ts'
import { send, type OciCloud } from '../ociCloud.ts'
import type { Target } from './stage.ts'

export type People = Pick<
  Target,
  'userId' | 'groupId' | 'membershipId' | 'fingerprint' | 'dynamicGroupId' | 'trustedIssuerId'
>

export function newPublicKey(): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return publicKey.export({ type: 'spki', format: 'pem' }) as string
}

/** One user in one group, a dynamic group and a trusted issuer, each of a name of its own. */
export async function people(oci: OciCloud): Promise<People> {
  const { userId } = await newUser(oci)
  const { groupId } = await newGroup(oci)
  const { fingerprint } = await newApiKey(oci, userId)
  const { dynamicGroupId } = await newDynamicGroup(oci)
  const membershipId = await newMembership(oci, userId, groupId)
  return { userId, groupId, fingerprint, dynamicGroupId, membershipId, ...(await newTrustedIssuer(oci)) }
}

export async function newUser(oci: OciCloud): Promise<Pick<People, 'userId'>> {
  const createUserDetails = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd' }
  return { userId: (await oci.identity().createUser({ createUserDetails })).user.id }
}

export async function newGroup(oci: OciCloud): Promise<Pick<People, 'groupId'>> {
  const createGroupDetails = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd' }
  return { groupId: (await oci.identity().createGroup({ createGroupDetails })).group.id }
}

export async function newDynamicGroup(oci: OciCloud): Promise<Pick<People, 'dynamicGroupId'>> {
  const details = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd' }
  const createDynamicGroupDetails = { ...details, matchingRule: "request.principal.type = 'workload'" }
  return { dynamicGroupId: (await oci.identity().createDynamicGroup({ createDynamicGroupDetails })).dynamicGroup.id }
}

export async function newMembership(oci: OciCloud, userId: string, groupId: string): Promise<string> {
  const addUserToGroupDetails = { userId, groupId }
  return (await oci.identity().addUserToGroup({ addUserToGroupDetails })).userGroupMembership.id
}

export async function newApiKey(oci: OciCloud, userId: string): Promise<Pick<People, 'fingerprint'>> {
  const { apiKey } = await oci.identity().uploadApiKey({ userId, createApiKeyDetails: { key: newPublicKey() } })
  return { fingerprint: apiKey.fingerprint ?? '' }
}

/** No client has the operation. */
export async function newTrustedIssuer(oci: OciCloud): Promise<Pick<People, 'trustedIssuerId'>> {
  const { issuer, audience, jwks } = oidcIssuer()
  const details = { issuer, audience, jwks, matchingRule: "request.principal.sub = '*'" }
  const body = JSON.stringify({ compartmentId: oci.tenancyId, name: randomUUID(), description: 'd', ...details })
  const answer = await send(await oci.signed('POST', `${oci.home}/20160918/trustedIssuers`, body))
  return { trustedIssuerId: String(answer.body['id']) }
}

/** Ids that nothing has. */
export function nobody(): People {
  return {
    userId: newOcid(randomBytes, 'user'),
    groupId: newOcid(randomBytes, 'group'),
    membershipId: newOcid(randomBytes, 'groupmembership'),
    fingerprint: randomBytes(16)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:'),
    dynamicGroupId: newOcid(randomBytes, 'dynamicgroup'),
    trustedIssuerId: newOcid(randomBytes, 'trustedissuer'),
  }
}
