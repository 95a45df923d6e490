import { newDynamicGroup, newGroup, newMembership, newUser } from './people.ts'
import { named, type Stage, type Target } from './stage.ts'
import { listed, someText, type Subject } from './subject.ts'

const matchingRule = "All {request.principal.type = 'workload', request.principal.namespace = 'shop'}"

/** Groups, who is in them, and dynamic groups. */
export const groupSubjects = {
  ListGroups: {
    call: (who, { region, compartmentId }) => who.identity(region).listGroups({ compartmentId }),
    answers: { items: listed({ name: 'Administrators', lifecycleState: 'ACTIVE' }) },
    about: 'compartment',
  },
  CreateGroup: {
    call: (who, { region, compartmentId, name }, conditions) => {
      const createGroupDetails = { compartmentId, name, description: 'd' }
      return who.identity(region).createGroup({ createGroupDetails, ...conditions })
    },
    fresh: named,
    answers: { group: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId }) => ({
      compartmentId,
      name: 'n',
      description: 'd',
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'name', 'description'],
    homeRegionOnly: true,
  },
  GetGroup: {
    call: (who, { region, groupId }) => who.identity(region).getGroup({ groupId }),
    answers: { group: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'group',
  },
  UpdateGroup: {
    call: (who, { region, groupId }, conditions) => {
      const updateGroupDetails = { description: 'other' }
      return who.identity(region).updateGroup({ groupId, updateGroupDetails, ...conditions })
    },
    fresh: freshGroup,
    answers: { group: { description: 'other' }, etag: someText },
    about: 'group',
    takes: ['if-match'],
    body: () => ({ description: 'other', freeformTags: {}, definedTags: {} }),
    homeRegionOnly: true,
  },
  DeleteGroup: {
    call: (who, { region, groupId }, conditions) => who.identity(region).deleteGroup({ groupId, ...conditions }),
    fresh: freshGroup,
    answers: {},
    about: 'group',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  ListUserGroupMemberships: {
    call: (who, { region, compartmentId, userId }) =>
      who.identity(region).listUserGroupMemberships({ compartmentId, userId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE' }) },
    about: 'compartment',
  },
  AddUserToGroup: {
    call: (who, { region, userId, groupId }, conditions) => {
      const addUserToGroupDetails = { userId, groupId }
      return who.identity(region).addUserToGroup({ addUserToGroupDetails, ...conditions })
    },
    fresh: async (stage) => ({ ...stage.ready, ...(await newUser(stage.oci)) }),
    answers: { userGroupMembership: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'user',
    takes: ['opc-retry-token'],
    body: ({ userId, groupId }) => ({ userId, groupId }),
    required: ['userId', 'groupId'],
    homeRegionOnly: true,
  },
  GetUserGroupMembership: {
    call: (who, { region, membershipId }) =>
      who.identity(region).getUserGroupMembership({ userGroupMembershipId: membershipId }),
    answers: { userGroupMembership: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'group',
  },
  RemoveUserFromGroup: {
    call: (who, { region, membershipId }, conditions) =>
      who.identity(region).removeUserFromGroup({ userGroupMembershipId: membershipId, ...conditions }),
    fresh: freshMembership,
    answers: {},
    about: 'group',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  ListDynamicGroups: {
    call: (who, { region, compartmentId }) => who.identity(region).listDynamicGroups({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE', matchingRule: someText }) },
    about: 'compartment',
  },
  CreateDynamicGroup: {
    call: (who, { region, compartmentId, name }, conditions) => {
      const createDynamicGroupDetails = { compartmentId, name, description: 'd', matchingRule }
      return who.identity(region).createDynamicGroup({ createDynamicGroupDetails, ...conditions })
    },
    fresh: named,
    answers: { dynamicGroup: { lifecycleState: 'ACTIVE', matchingRule }, etag: someText },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId }) => ({
      compartmentId,
      name: 'n',
      description: 'd',
      matchingRule,
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'name', 'description', 'matchingRule'],
    homeRegionOnly: true,
  },
  GetDynamicGroup: {
    call: (who, { region, dynamicGroupId }) => who.identity(region).getDynamicGroup({ dynamicGroupId }),
    answers: { dynamicGroup: { lifecycleState: 'ACTIVE', matchingRule: someText }, etag: someText },
    about: 'group',
  },
  UpdateDynamicGroup: {
    call: (who, { region, dynamicGroupId }, conditions) => {
      const updateDynamicGroupDetails = { matchingRule }
      return who.identity(region).updateDynamicGroup({ dynamicGroupId, updateDynamicGroupDetails, ...conditions })
    },
    fresh: freshDynamicGroup,
    answers: { dynamicGroup: { matchingRule }, etag: someText },
    about: 'group',
    takes: ['if-match'],
    body: () => ({ description: 'other', matchingRule, freeformTags: {}, definedTags: {} }),
    homeRegionOnly: true,
  },
  DeleteDynamicGroup: {
    call: (who, { region, dynamicGroupId }, conditions) =>
      who.identity(region).deleteDynamicGroup({ dynamicGroupId, ...conditions }),
    fresh: freshDynamicGroup,
    answers: {},
    about: 'group',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
} as const satisfies Record<string, Subject>

async function freshGroup({ oci, ready }: Stage): Promise<Target> {
  return { ...ready, ...(await newGroup(oci)) }
}

async function freshMembership({ oci, ready }: Stage): Promise<Target> {
  const { userId } = await newUser(oci)
  return { ...ready, userId, membershipId: await newMembership(oci, userId, ready.groupId) }
}

async function freshDynamicGroup({ oci, ready }: Stage): Promise<Target> {
  return { ...ready, ...(await newDynamicGroup(oci)) }
}
