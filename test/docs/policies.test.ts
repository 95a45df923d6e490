import { addUser } from '../harness/addUser.ts'
import { makeCompartment } from '../harness/compartmentStory.ts'
import type { Answered, Call } from '../harness/signedCall.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { taskCalls, type TaskPlace } from './taskCalls.ts'
import { tasks, type Task } from './tasks.ts'

/** What docs/policies.md says that a group may and may not, tried by a user in it. */

const cloud = cloudOfEachTest({ preparesKeys: true })
let shop: TaskPlace
let elsewhere: TaskPlace
beforeEach(async () => {
  shop = await stockedCompartment('shop')
  elsewhere = await stockedCompartment('elsewhere')
  await cloud.settle()
})

async function stockedCompartment(name: string): Promise<TaskPlace> {
  const { a, call } = cloud
  const compartmentId = await makeCompartment(cloud, name)
  const vault = { compartmentId, displayName: 'v', vaultType: 'VIRTUAL_PRIVATE' }
  const vaultId = String((await call(a, 'POST', '/20180608/vaults', vault)).body['id'])
  const at = { host: vaultId }
  const key = async (keyShape: object, protectionMode: string) =>
    (await call(a, 'POST', '/20180608/keys', { compartmentId, displayName: 'k', keyShape, protectionMode }, at)).body
  const keyId = String((await key({ algorithm: 'AES', length: 32 }, 'SOFTWARE'))['id'])
  const signingKeyId = String((await key({ algorithm: 'ECDSA', length: 32 }, 'HSM'))['id'])
  const encrypted = await call(a, 'POST', '/20180608/encrypt', { keyId, plaintext: 'aGk=' }, at)
  const signing = { keyId: signingKeyId, message: 'aGk=', messageType: 'RAW', signingAlgorithm: 'ECDSA_SHA_256' }
  const signed = await call(a, 'POST', '/20180608/sign', signing, at)
  const other = { compartmentId: cloud.tenancyId, description: 'd' }
  const user = await call(a, 'POST', '/20160918/users', { ...other, name: `user-of-${name}` })
  const group = await call(a, 'POST', '/20160918/groups', { ...other, name: `group-of-${name}` })
  return {
    tenancyId: cloud.tenancyId,
    compartmentId,
    vaultId,
    keyId,
    signingKeyId,
    ciphertext: String(encrypted.body['ciphertext']),
    signature: String(signed.body['signature']),
    keyVersionId: String(signed.body['keyVersionId']),
    userId: String(user.body['id']),
    groupId: String(group.body['id']),
    day: new Date(cloud.clock.now).toISOString().slice(0, 10),
  }
}

async function callerOf({ statements, group }: Task): Promise<Call> {
  return addUser(
    cloud,
    group,
    statements.map((text) => text.replace('ocid1.key.oc1..orders', shop.keyId)),
  )
}

const statusOf = async (caller: Call, operation: string, place: TaskPlace): Promise<number> => {
  const make = taskCalls[operation]
  if (make === undefined) throw new Error(`taskCalls lacks ${operation}, which docs/policies.md names.`)
  const { method, target, body, isOfVault } = make(place)
  const answer: Answered = await caller(cloud.a, method, target, body, isOfVault ? { host: place.vaultId } : {})
  return answer.status
}

test('the document has at least ten tasks, each with something that it allows and something that it does not', () => {
  expect(tasks.length).toBeGreaterThanOrEqual(10)
  for (const { may, mayNot } of tasks) expect([may.length > 0, mayNot.length > 0]).toEqual([true, true])
})

test.each(tasks)('$title: the group may what the document says, and no more', async (task) => {
  const caller = await callerOf(task)
  for (const operation of task.mayNot)
    expect([operation, await statusOf(caller, operation, shop)]).toEqual([operation, 404])
  for (const operation of task.isInShop ? task.may : [])
    expect([`${operation} elsewhere`, await statusOf(caller, operation, elsewhere)]).toEqual([
      `${operation} elsewhere`,
      404,
    ])
  for (const operation of task.may) {
    const status = await statusOf(caller, operation, shop)
    expect([operation, [200, 202, 204].includes(status) ? 'done' : status]).toEqual([operation, 'done'])
  }
})

test('who looks after users does not get into Administrators', async () => {
  const task = tasks.find(({ group }) => group === 'helpdesk')
  if (task === undefined) throw new Error('docs/policies.md has no helpdesk.')
  const caller = await callerOf(task)
  const groups = await cloud.call(
    cloud.a,
    'GET',
    `/20160918/groups?compartmentId=${cloud.tenancyId}&name=Administrators`,
  )
  const groupId = String(groups.list[0]?.['id'])
  expect(await statusOf(caller, 'AddUserToGroup', { ...shop, groupId })).toBe(404)
})

test('the glass is whole until somebody is put into the group, and again when they are out', async () => {
  const { a, call } = cloud
  const task = tasks.find(({ group }) => group === 'break-glass')
  if (task === undefined) throw new Error('docs/policies.md has no break-glass.')
  await callerOf(task)
  const groups = await call(a, 'GET', `/20160918/groups?compartmentId=${cloud.tenancyId}&name=break-glass`)
  const onCall = await addUser(cloud, 'on-call', ['Allow group on-call to inspect vaults in compartment shop'])
  const users = await call(
    a,
    'GET',
    `/20160918/users?compartmentId=${cloud.tenancyId}&name=${encodeURIComponent('one of on-call')}`,
  )
  expect(await statusOf(onCall, 'Decrypt', shop)).toBe(404)
  const membership = { userId: users.list[0]?.['id'], groupId: groups.list[0]?.['id'] }
  const added = await call(a, 'POST', '/20160918/userGroupMemberships', membership)
  expect(await statusOf(onCall, 'Decrypt', shop)).toBe(200)
  await call(a, 'DELETE', `/20160918/userGroupMemberships/${String(added.body['id'])}`)
  expect(await statusOf(onCall, 'Decrypt', shop)).toBe(404)
})
