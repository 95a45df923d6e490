import { makeVault, send, type OciCloud } from './ociCloud.ts'
import { newKeyPair } from './serviceUser.ts'

/** A life of users, groups and compartments through the official client, with what tells of the tenancy. */
export async function identityLife(oci: OciCloud): Promise<void> {
  const identity = oci.identity()
  const { tenancyId } = oci
  const compartmentId = tenancyId
  const named = (name: string) => ({ compartmentId, name: `life-${name}`, description: 'd' })
  const { user } = await identity.createUser({ createUserDetails: named('user') })
  const userId = user.id
  await identity.getUser({ userId })
  await identity.listUsers({ compartmentId })
  await identity.updateUser({ userId, updateUserDetails: { description: 'e' } })
  const { publicPem: key, fingerprint } = newKeyPair()
  await identity.uploadApiKey({ userId, createApiKeyDetails: { key } })
  await identity.listApiKeys({ userId })
  await identity.deleteApiKey({ userId, fingerprint })
  const { group } = await identity.createGroup({ createGroupDetails: named('group') })
  const groupId = group.id
  await identity.getGroup({ groupId })
  await identity.listGroups({ compartmentId })
  await identity.updateGroup({ groupId, updateGroupDetails: { description: 'e' } })
  const { userGroupMembership } = await identity.addUserToGroup({ addUserToGroupDetails: { userId, groupId } })
  const userGroupMembershipId = userGroupMembership.id
  await identity.getUserGroupMembership({ userGroupMembershipId })
  await identity.listUserGroupMemberships({ compartmentId, userId })
  await identity.removeUserFromGroup({ userGroupMembershipId })
  await identity.deleteGroup({ groupId })
  await identity.deleteUser({ userId })

  const createDynamicGroupDetails = { ...named('dynamic'), matchingRule: "request.principal.type = 'workload'" }
  const { dynamicGroup } = await identity.createDynamicGroup({ createDynamicGroupDetails })
  const dynamicGroupId = dynamicGroup.id
  await identity.getDynamicGroup({ dynamicGroupId })
  await identity.listDynamicGroups({ compartmentId })
  await identity.updateDynamicGroup({ dynamicGroupId, updateDynamicGroupDetails: { description: 'e' } })
  await identity.deleteDynamicGroup({ dynamicGroupId })

  const outer = (await identity.createCompartment({ createCompartmentDetails: named('outer') })).compartment.id
  const createCompartmentDetails = { ...named('inner'), compartmentId: outer }
  const inner = (await identity.createCompartment({ createCompartmentDetails })).compartment.id
  await identity.moveCompartment({ compartmentId: inner, moveCompartmentDetails: { targetCompartmentId: tenancyId } })
  await identity.deleteCompartment({ compartmentId: inner })
  await oci.cloud.idle()
  await identity.recoverCompartment({ compartmentId: inner })

  const { tagNamespace } = await identity.createTagNamespace({ createTagNamespaceDetails: named('tags') })
  const tagNamespaceId = tagNamespace.id
  await identity.listTagNamespaces({ compartmentId })
  await identity.getTagNamespace({ tagNamespaceId })
  const changeTagNamespaceCompartmentDetail = { compartmentId: outer }
  await identity.changeTagNamespaceCompartment({ tagNamespaceId, changeTagNamespaceCompartmentDetail })
  const { tag } = await identity.createTag({ tagNamespaceId, createTagDetails: { name: 'k', description: 'd' } })
  await identity.listTags({ tagNamespaceId })
  await identity.getTag({ tagNamespaceId, tagName: 'k' })
  const createTagDefaultDetails = { compartmentId: outer, tagDefinitionId: tag.id, value: 'v' }
  const tagDefaultId = (await identity.createTagDefault({ createTagDefaultDetails })).tagDefault.id
  await identity.getTagDefault({ tagDefaultId })
  await identity.listTagDefaults({ compartmentId: outer })
  await identity.assembleEffectiveTagSet({ compartmentId: outer })
  await identity.updateTagDefault({ tagDefaultId, updateTagDefaultDetails: { value: 'w' } })
  await identity.deleteTagDefault({ tagDefaultId })
  await identity.updateTag({ tagNamespaceId, tagName: 'k', updateTagDetails: { isRetired: true } })
  await identity.deleteTag({ tagNamespaceId, tagName: 'k' })
  await identity.updateTagNamespace({ tagNamespaceId, updateTagNamespaceDetails: { isRetired: true } })
  const { opcWorkRequestId: cascade } = await identity.cascadeDeleteTagNamespace({ tagNamespaceId })
  await identity.getTaggingWorkRequest({ workRequestId: cascade })
  await identity.listTaggingWorkRequestErrors({ workRequestId: cascade })
  await identity.listTaggingWorkRequestLogs({ workRequestId: cascade })
  const empty = (await identity.createTagNamespace({ createTagNamespaceDetails: named('empty') })).tagNamespace.id
  await identity.updateTagNamespace({ tagNamespaceId: empty, updateTagNamespaceDetails: { isRetired: true } })
  await identity.deleteTagNamespace({ tagNamespaceId: empty })

  await identity.getTenancy({ tenancyId })
  await identity.listRegionSubscriptions({ tenancyId })
  await identity.listRegions({})
  await identity.listAvailabilityDomains({ compartmentId })
  await identity.listFaultDomains({ compartmentId, availabilityDomain: 'AD-1' })
  await oci.audit().getConfiguration({ compartmentId })
  const updateConfigurationDetails = { retentionPeriodDays: 365 }
  await oci.audit().updateConfiguration({ compartmentId, updateConfigurationDetails })

  await identity.listWorkRequests({ compartmentId })
  const vault = await makeVault(oci, 'saved')
  const { opcWorkRequestId: workRequestId } = await oci
    .vaults()
    .backupVault({ vaultId: vault.id, backupVaultDetails: {} })
  await identity.getWorkRequest({ workRequestId })
  // Of another client of Oracle's, which has the same paths.
  for (const list of ['errors', 'logs']) {
    const answer = await send(await oci.signed('GET', `${oci.home}/20160918/workRequests/${workRequestId}/${list}`))
    expect(answer.statusCode).toBe(200)
  }
}
