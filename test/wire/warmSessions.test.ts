import { createPublicKey } from 'node:crypto'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { sessionToken } from '../../lib/kms/identity/sessionToken.ts'
import { publicKeyPem, signedCall } from '../harness/signedCall.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'

/** What is kept of a session from one use to the next lives no longer than what it was made of. */

const cloud = cloudOfEachTest()

const print = fingerprint(createPublicKey(publicKeyPem))
const lifetimeSeconds = 600

async function made(path: string, details: object): Promise<string> {
  const answer = await cloud.call(cloud.a, 'POST', `/20160918/${path}`, details)
  expect({ path, status: answer.status, said: answer.body['message'] }).toMatchObject({ path, status: 200 })
  return String(answer.body['id'])
}

/** A user who may list users, with a session that both regions have seen twice. */
async function used() {
  const named = (name: string) => ({ compartmentId: cloud.tenancyId, name, description: 'd' })
  const userId = await made('users', named('ann'))
  await made(`users/${userId}/apiKeys`, { key: publicKeyPem })
  const groupId = await made('groups', named('readers'))
  const membershipId = await made('userGroupMemberships', { userId, groupId })
  const statements = ['Allow group readers to inspect users in tenancy']
  const policyId = await made('policies', { ...named('readers'), statements })
  await cloud.settle()
  const [, etag] = [...(await cloud.a.runtime.identity.state(cloud.tenancyId)).rows.values()].flatMap((row) =>
    row.kind === 'apiKey' && row.userId === userId ? [row.sk, row.etag] : [],
  )
  const iat = Math.floor(cloud.clock.now / 1000)
  const token = await sessionToken(cloud.a.hsm, {
    tenant: cloud.tenancyId,
    sub: userId,
    jti: 'warm',
    iat,
    exp: iat + lifetimeSeconds,
    publicKey: createPublicKey(publicKeyPem),
    holder: { kind: 'user', fingerprint: print, ...(etag === undefined ? {} : { etag }) },
  })
  for (let count = 0; count < 2; count += 1) expect(await statuses(token)).toEqual([200, 200])
  return { userId, groupId, membershipId, policyId, token }
}

async function statuses(token: string): Promise<readonly number[]> {
  const found: number[] = []
  for (const region of [cloud.a, cloud.b]) {
    const target = `/20160918/users?compartmentId=${cloud.tenancyId}`
    const now = (cloud.clock.now += 1)
    found.push((await signedCall(region, `ST$${token}`, now, 'GET', target, undefined, {})).status)
  }
  return found
}

type Used = Awaited<ReturnType<typeof used>>

test.each<[string, (session: Used) => string, number]>([
  ['its API key is deleted', ({ userId }) => `users/${userId}/apiKeys/${print}`, 401],
  ['its user is out of the group', ({ membershipId }) => `userGroupMemberships/${membershipId}`, 404],
  ['its policy is withdrawn', ({ policyId }) => `policies/${policyId}`, 404],
])('a session that was used is refused with %s', async (_what, gone, status) => {
  const session = await used()
  const deleted = await cloud.call(cloud.a, 'DELETE', `/20160918/${gone(session)}`)
  expect(deleted.status).toBe(204)
  await cloud.settle()
  expect(await statuses(session.token)).toEqual([status, status])
})

test('a session that was used may what a later policy says, and no more what it said before', async () => {
  const { policyId, token } = await used()
  const change = async (statement: string) => {
    await cloud.call(cloud.a, 'PUT', `/20160918/policies/${policyId}`, { statements: [statement] })
    await cloud.settle()
  }
  await change("Allow group readers to inspect users in tenancy where request.region = 'phx'")
  expect(await statuses(token)).toEqual([404, 200])
  await change('Allow group readers to inspect users in tenancy')
  expect(await statuses(token)).toEqual([200, 200])
})

test('a session that was used ends at its time', async () => {
  const { token } = await used()
  cloud.clock.now += lifetimeSeconds * 1000
  expect(await statuses(token)).toEqual([401, 401])
})

test('a token that ends as one that was used is not that one', async () => {
  const { token } = await used()
  const [head = '', body = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object
  const longer = Buffer.from(JSON.stringify({ ...claims, exp: 9_999_999_999 })).toString('base64url')
  expect(await statuses(`${head}.${longer}.${signature}`)).toEqual([401, 401])
  expect(await statuses(token)).toEqual([200, 200])
})
