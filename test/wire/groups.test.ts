import { expectRefusal, ociCloud, type OciCloud } from './ociCloud.ts'
import { allow, join, makeGroup, makeUser } from './serviceUser.ts'

/** Groups, who is in them, and the last administrator. */

let oci: OciCloud
beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
})
afterAll(() => oci.close())

const refused = (call: () => Promise<unknown>, statusCode: number, serviceCode: string) =>
  expectRefusal(oci, call, statusCode, serviceCode)

describe('the last administrator', () => {
  test('keeps their membership and their last key, until there is another', async () => {
    const identity = oci.identity()
    const { userId, fingerprint } = oci.cloud.administrator
    const { items } = await identity.listUserGroupMemberships({ compartmentId: oci.tenancyId, userId })
    const { id: userGroupMembershipId = '', groupId = '' } = items[0] ?? {}
    expect((await identity.getGroup({ groupId })).group.name).toBe('Administrators')
    const leave = () => identity.removeUserFromGroup({ userGroupMembershipId })
    const loseKey = () => identity.deleteApiKey({ userId, fingerprint })
    for (const call of [leave, loseKey, () => identity.deleteUser({ userId }), () => identity.deleteGroup({ groupId })])
      await refused(call, 409, 'Conflict')
    await expect(leave()).rejects.toThrow(/Add another user with an API key to that group first/)
    // One who cannot sign is no other administrator.
    const createUserDetails = { compartmentId: oci.tenancyId, name: 'keyless', description: 'd' }
    const { user } = await identity.createUser({ createUserDetails })
    await join(oci, user.id, groupId)
    await refused(leave, 409, 'Conflict')
    const second = await makeUser(oci, 'second')
    const { userGroupMembership } = await identity.addUserToGroup({
      addUserToGroupDetails: { userId: second.userId, groupId },
    })
    await leave()
    const others = second.identity(oci.home)
    await refused(() => others.removeUserFromGroup({ userGroupMembershipId: userGroupMembership.id }), 409, 'Conflict')
    await others.addUserToGroup({ addUserToGroupDetails: { userId, groupId } })
  })
})

test('the Tenant Admin Policy is neither changed nor deleted, and any other is', async () => {
  const identity = oci.identity()
  const { items } = await identity.listPolicies({ compartmentId: oci.tenancyId, name: 'Tenant Admin Policy' })
  const { id: policyId = '', statements = [] } = items[0] ?? {}
  for (const updatePolicyDetails of [
    { statements: ['Allow group Administrators to read keys in tenancy'] },
    { statements },
    { description: 'other' },
    { freeformTags: { a: 'b' } },
  ])
    await refused(() => identity.updatePolicy({ policyId, updatePolicyDetails }), 409, 'Conflict')
  await refused(() => identity.deletePolicy({ policyId }), 409, 'Conflict')
  await expect(identity.deletePolicy({ policyId })).rejects.toThrow(
    'The policy Tenant Admin Policy stays as it is: without it nobody could grant anything.',
  )
  expect((await identity.getPolicy({ policyId })).policy).toMatchObject({
    statements: ['Allow group Administrators to manage all-resources in tenancy'],
  })
  const id = await allow(oci, 'Tenant Admin Policy 2', ...statements)
  await identity.deletePolicy({ policyId: id })
})

test('of two administrators who remove each other at once, one stays', async () => {
  const { userId } = oci.cloud.administrator
  const identity = oci.identity()
  const { items } = await identity.listGroups({ compartmentId: oci.tenancyId, name: 'Administrators' })
  const groupId = items[0]?.id ?? ''
  const members = async () =>
    (await oci.identity().listUserGroupMemberships({ compartmentId: oci.tenancyId, groupId })).items
  const other = await makeUser(oci, 'rival')
  const theirs = await join(oci, other.userId, groupId)
  for (const { id, userId: who } of await members())
    if (who !== userId && id !== theirs) await identity.removeUserFromGroup({ userGroupMembershipId: id })
  const own = (await members()).find((each) => each.userId === userId)?.id ?? ''
  const outcomes = await Promise.allSettled([
    identity.removeUserFromGroup({ userGroupMembershipId: theirs }),
    other.identity(oci.home).removeUserFromGroup({ userGroupMembershipId: own }),
  ])
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const rest = outcomes[0].status === 'fulfilled' ? userId : other.userId
  const left = rest === userId ? identity : other.identity(oci.home)
  const { items: stay } = await left.listUserGroupMemberships({ compartmentId: oci.tenancyId, groupId })
  expect(stay.map((each) => each.userId)).toEqual([rest])
  if (rest !== userId) await left.addUserToGroup({ addUserToGroupDetails: { userId, groupId } })
})

describe('a group', () => {
  test('with members, or that policies name, is not deleted, and the refusal says which', async () => {
    const identity = oci.identity()
    const groupId = await makeGroup(oci, 'named')
    const byName = await allow(oci, 'by-name', 'Allow group Named to read keys in tenancy')
    const byId = await allow(oci, 'by-id', `Allow group id ${groupId} to read keys in tenancy`)
    const { userId } = await makeUser(oci, 'in-named')
    const userGroupMembershipId = await join(oci, userId, groupId)
    const remove = () => identity.deleteGroup({ groupId })
    await expect(remove()).rejects.toThrow(/The group named has a member; remove/)
    await identity.removeUserFromGroup({ userGroupMembershipId })
    await expect(remove()).rejects.toThrow(/Policies name named: by-name, by-id\./)
    await identity.deletePolicy({ policyId: byName })
    await refused(remove, 409, 'Conflict')
    await identity.deletePolicy({ policyId: byId })
    await remove()
    await refused(() => identity.getGroup({ groupId }), 404, 'NotAuthorizedOrNotFound')
  })

  test('has each member once', async () => {
    const groupId = await makeGroup(oci, 'single')
    const { userId } = await makeUser(oci, 'member-once')
    await join(oci, userId, groupId)
    await refused(() => join(oci, userId, groupId), 409, 'NotAuthorizedOrResourceAlreadyExists')
    const compartmentId = oci.tenancyId
    const { items } = await oci.identity().listUserGroupMemberships({ compartmentId, groupId })
    expect(items).toMatchObject([{ userId, groupId, lifecycleState: 'ACTIVE' }])
  })

  test('made anew gets nothing of what its namesake was granted', async () => {
    const identity = oci.identity()
    const first = await makeGroup(oci, 'twice')
    await allow(oci, 'twice', 'Allow group twice to inspect users in tenancy')
    const user = await makeUser(oci, 'of-twice')
    await refused(() => identity.deleteGroup({ groupId: first }), 409, 'Conflict')
    await refused(() => makeGroup(oci, 'TWICE'), 409, 'NotAuthorizedOrResourceAlreadyExists')
    await join(oci, user.userId, first)
    expect((await user.identity(oci.home).listUsers({ compartmentId: oci.tenancyId })).items.length).toBeGreaterThan(1)
  })

  test('of another’s keeping may be filled without a way into Administrators', async () => {
    const keepers = await makeGroup(oci, 'keepers')
    const guarded = "where target.group.name != 'Administrators'"
    await allow(
      oci,
      'keepers',
      `Allow group keepers to use users in tenancy ${guarded}`,
      `Allow group keepers to use groups in tenancy ${guarded}`,
    )
    const keeper = await makeUser(oci, 'keeper')
    await join(oci, keeper.userId, keepers)
    const groupId = await makeGroup(oci, 'kept')
    const add = (to: string) =>
      keeper.identity(oci.home).addUserToGroup({ addUserToGroupDetails: { userId: keeper.userId, groupId: to } })
    expect((await add(groupId)).userGroupMembership.groupId).toBe(groupId)
    const { items } = await oci.identity().listGroups({ compartmentId: oci.tenancyId, name: 'Administrators' })
    await refused(() => add(items[0]?.id ?? ''), 404, 'NotAuthorizedOrNotFound')
  })
})

describe('a dynamic group', () => {
  test('is named in statements, which then keep it', async () => {
    const details = { compartmentId: oci.tenancyId, name: 'workloads', description: 'd' }
    const createDynamicGroupDetails = { ...details, matchingRule: "Any {request.principal.type = 'workload'}" }
    const { dynamicGroup } = await oci.identity().createDynamicGroup({ createDynamicGroupDetails })
    const { id: dynamicGroupId } = dynamicGroup
    const policyId = await allow(oci, 'workloads', 'Allow dynamic-group Workloads to use keys in tenancy')
    await refused(() => oci.identity().deleteDynamicGroup({ dynamicGroupId }), 409, 'Conflict')
    await oci.identity().deletePolicy({ policyId })
    await oci.identity().deleteDynamicGroup({ dynamicGroupId })
  })

  test.each(['', 'nothing', "resource.type == 'x'", "Any {a = 'b'", "a = 'b' or c = 'd'"])(
    'has a rule that is a condition: %j is none',
    async (matchingRule) => {
      const details = { compartmentId: oci.tenancyId, name: 'bad', description: 'd', matchingRule }
      await refused(
        () => oci.identity().createDynamicGroup({ createDynamicGroupDetails: details }),
        400,
        'InvalidParameter',
      )
    },
  )
})
