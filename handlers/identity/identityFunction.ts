import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import type { IdentityPorts } from './identityPorts.ts'
import { addUserToGroupOperation } from './addUserToGroup.ts'
import { assembleEffectiveTagSetOperation } from './assembleEffectiveTagSet.ts'
import { cascadeDeleteTagNamespaceOperation } from './cascadeDeleteTagNamespace.ts'
import { changeTagNamespaceCompartmentOperation } from './changeTagNamespaceCompartment.ts'
import { createCompartmentOperation } from './createCompartment.ts'
import { createDynamicGroupOperation } from './createDynamicGroup.ts'
import { createGroupOperation } from './createGroup.ts'
import { createPolicyOperation } from './createPolicy.ts'
import { createSessionTokenOperation } from './createSessionToken.ts'
import { createTagDefaultOperation } from './createTagDefault.ts'
import { createTagNamespaceOperation } from './createTagNamespace.ts'
import { createTagOperation } from './createTag.ts'
import { createTrustedIssuerOperation } from './createTrustedIssuer.ts'
import { createUserOperation } from './createUser.ts'
import { deleteApiKeyOperation } from './deleteApiKey.ts'
import { deleteCompartmentOperation } from './deleteCompartment.ts'
import { deleteDynamicGroupOperation } from './deleteDynamicGroup.ts'
import { deleteGroupOperation } from './deleteGroup.ts'
import { deletePolicyOperation } from './deletePolicy.ts'
import { deleteTagDefaultOperation } from './deleteTagDefault.ts'
import { deleteTagNamespaceOperation } from './deleteTagNamespace.ts'
import { deleteTagOperation } from './deleteTag.ts'
import { deleteTrustedIssuerOperation } from './deleteTrustedIssuer.ts'
import { deleteUserOperation } from './deleteUser.ts'
import { exchangeTokenOperation } from './exchangeToken.ts'
import { explainPolicyOperation } from './explainPolicy.ts'
import { getCompartmentOperation } from './getCompartment.ts'
import { getConfigurationOperation } from './getConfiguration.ts'
import { getDynamicGroupOperation } from './getDynamicGroup.ts'
import { getGroupOperation } from './getGroup.ts'
import { getPolicyOperation } from './getPolicy.ts'
import { getTagDefaultOperation } from './getTagDefault.ts'
import { getTaggingWorkRequestOperation } from './getTaggingWorkRequest.ts'
import { getTagNamespaceOperation } from './getTagNamespace.ts'
import { getTagOperation } from './getTag.ts'
import { getTenancyOperation } from './getTenancy.ts'
import { getTrustedIssuerOperation } from './getTrustedIssuer.ts'
import { getUserGroupMembershipOperation } from './getUserGroupMembership.ts'
import { getUserOperation } from './getUser.ts'
import { getWorkRequestOperation } from './getWorkRequest.ts'
import { listApiKeysOperation } from './listApiKeys.ts'
import { listAvailabilityDomainsOperation } from './listAvailabilityDomains.ts'
import { listCompartmentsOperation } from './listCompartments.ts'
import { listDynamicGroupsOperation } from './listDynamicGroups.ts'
import { listFaultDomainsOperation } from './listFaultDomains.ts'
import { listGroupsOperation } from './listGroups.ts'
import { listPoliciesOperation } from './listPolicies.ts'
import { listRegionsOperation } from './listRegions.ts'
import { listRegionSubscriptionsOperation } from './listRegionSubscriptions.ts'
import { listTagDefaultsOperation } from './listTagDefaults.ts'
import { listTaggingWorkRequestErrorsOperation } from './listTaggingWorkRequestErrors.ts'
import { listTaggingWorkRequestLogsOperation } from './listTaggingWorkRequestLogs.ts'
import { listTagNamespacesOperation } from './listTagNamespaces.ts'
import { listTagsOperation } from './listTags.ts'
import { listTrustedIssuersOperation } from './listTrustedIssuers.ts'
import { listUserGroupMembershipsOperation } from './listUserGroupMemberships.ts'
import { listUsersOperation } from './listUsers.ts'
import { listWorkRequestErrorsOperation } from './listWorkRequestErrors.ts'
import { listWorkRequestLogsOperation } from './listWorkRequestLogs.ts'
import { listWorkRequestsOperation } from './listWorkRequests.ts'
import { moveCompartmentOperation } from './moveCompartment.ts'
import { recoverCompartmentOperation } from './recoverCompartment.ts'
import { removeUserFromGroupOperation } from './removeUserFromGroup.ts'
import { updateCompartmentOperation } from './updateCompartment.ts'
import { updateConfigurationOperation } from './updateConfiguration.ts'
import { updateDynamicGroupOperation } from './updateDynamicGroup.ts'
import { updateGroupOperation } from './updateGroup.ts'
import { updatePolicyOperation } from './updatePolicy.ts'
import { updateTagDefaultOperation } from './updateTagDefault.ts'
import { updateTagNamespaceOperation } from './updateTagNamespace.ts'
import { updateTagOperation } from './updateTag.ts'
import { updateUserOperation } from './updateUser.ts'
import { uploadApiKeyOperation } from './uploadApiKey.ts'

/** The Identity subset. */
export function identityFunction(ports: IdentityPorts): HttpFunction {
  return httpFunction<IdentityPorts>('identity', ports, [
    createCompartmentOperation,
    getCompartmentOperation,
    listCompartmentsOperation,
    updateCompartmentOperation,
    deleteCompartmentOperation,
    moveCompartmentOperation,
    recoverCompartmentOperation,
    listWorkRequestsOperation,
    getWorkRequestOperation,
    listWorkRequestErrorsOperation,
    listWorkRequestLogsOperation,
    getTenancyOperation,
    listRegionSubscriptionsOperation,
    listRegionsOperation,
    listAvailabilityDomainsOperation,
    listFaultDomainsOperation,
    createPolicyOperation,
    getPolicyOperation,
    listPoliciesOperation,
    updatePolicyOperation,
    deletePolicyOperation,
    explainPolicyOperation,
    listUsersOperation,
    createUserOperation,
    getUserOperation,
    updateUserOperation,
    deleteUserOperation,
    listApiKeysOperation,
    uploadApiKeyOperation,
    deleteApiKeyOperation,
    listGroupsOperation,
    createGroupOperation,
    getGroupOperation,
    updateGroupOperation,
    deleteGroupOperation,
    listUserGroupMembershipsOperation,
    addUserToGroupOperation,
    getUserGroupMembershipOperation,
    removeUserFromGroupOperation,
    listDynamicGroupsOperation,
    createDynamicGroupOperation,
    getDynamicGroupOperation,
    updateDynamicGroupOperation,
    deleteDynamicGroupOperation,
    createTagNamespaceOperation,
    getTagNamespaceOperation,
    listTagNamespacesOperation,
    updateTagNamespaceOperation,
    deleteTagNamespaceOperation,
    cascadeDeleteTagNamespaceOperation,
    changeTagNamespaceCompartmentOperation,
    createTagOperation,
    getTagOperation,
    listTagsOperation,
    updateTagOperation,
    deleteTagOperation,
    createTagDefaultOperation,
    getTagDefaultOperation,
    listTagDefaultsOperation,
    assembleEffectiveTagSetOperation,
    updateTagDefaultOperation,
    deleteTagDefaultOperation,
    getTaggingWorkRequestOperation,
    listTaggingWorkRequestErrorsOperation,
    listTaggingWorkRequestLogsOperation,
    listTrustedIssuersOperation,
    createTrustedIssuerOperation,
    getTrustedIssuerOperation,
    deleteTrustedIssuerOperation,
    createSessionTokenOperation,
    exchangeTokenOperation,
    getConfigurationOperation,
    updateConfigurationOperation,
  ])
}
