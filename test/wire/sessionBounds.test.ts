import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { sessionToken, type SessionClaims } from '../../lib/kms/identity/sessionToken.ts'
import { otherPair } from '../harness/oidcIssuer.ts'
import { publicKeyPem, signedCall } from '../harness/signedCall.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'

/** What a session may not be made with, and what it may not do. */

let cloud: TestCloud
beforeAll(async () => {
  cloud = await twoRegions()
})
afterAll(() => {
  cloud.close()
})

const longKey = createPublicKey({
  key: { kty: 'RSA', n: Buffer.alloc(513, 0xff).toString('base64url'), e: 'AQAB' },
  format: 'jwk',
}).export({ type: 'spki', format: 'pem' })

test.each([
  ['a private key', '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----', /private key/],
  [
    'a key of a curve',
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }),
    /another kind/,
  ],
  ['a key that fills the header', longKey, /2048 to 4096 bits .*this one has 4104 bits/],
])('the refusal of %s names the member and the limit that hold for sessions', async (_what, publicKey, says) => {
  const answer = await cloud.call(cloud.a, 'POST', '/20160918/sessionTokens', { publicKey })
  expect(answer).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
  expect(answer.body['message']).toMatch(/^publicKey must be /)
  expect(answer.body['message']).toMatch(says)
})

test.each([59, 3601])('a session of %d seconds is not made', async (lifetimeInSeconds) => {
  const body = { publicKey: publicKeyPem, lifetimeInSeconds }
  const answer = await cloud.call(cloud.a, 'POST', '/20160918/sessionTokens', body)
  expect(answer).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
  expect(answer.body['message']).toMatch(/60 to 3600/)
})

const otherPem = otherPair.publicKey.export({ type: 'spki', format: 'pem' })
const apiKeys = (userId: string) => `/20160918/users/${userId}/apiKeys`
const status = async (call: Promise<{ status: number }>) => (await call).status
/** Signed with the harness's own key, whose public half is every user's here. */
const signedBy = (keyId: string, method: string, target: string, body?: object, region = cloud.a) =>
  signedCall(region, keyId, (cloud.clock.now += 1), method, target, body, {})

async function newUser(name: string): Promise<string> {
  const details = { compartmentId: cloud.tenancyId, name, description: 'd' }
  const { body } = await cloud.call(cloud.a, 'POST', '/20160918/users', details)
  return String(body['id'])
}

async function sessionOf(userId: string): Promise<string> {
  expect(await status(cloud.call(cloud.a, 'POST', apiKeys(userId), { key: publicKeyPem }))).toBe(200)
  await cloud.settle()
  const keyId = `${cloud.tenancyId}/${userId}/${print}`
  const { body } = await signedBy(keyId, 'POST', '/20160918/sessionTokens', { publicKey: publicKeyPem })
  return String(body['token'])
}
const print = fingerprint(createPublicKey(publicKeyPem))

test('a session sees the API keys of its user, and changes those of others where a policy grants it', async () => {
  const { body } = await cloud.call(cloud.a, 'POST', '/20160918/sessionTokens', { publicKey: publicKeyPem })
  const keyId = `ST$${String(body['token'])}`
  const other = await newUser('other')
  expect(await status(signedBy(keyId, 'GET', apiKeys(String(body['principalId']))))).toBe(200)
  expect(await status(signedBy(keyId, 'POST', apiKeys(other), { key: otherPem }))).toBe(200)
})

test('a session of a user without any policy makes no API key for itself', async () => {
  const userId = await newUser('lone')
  const keyId = `ST$${await sessionOf(userId)}`
  expect(await status(signedBy(keyId, 'POST', apiKeys(userId), { key: otherPem }))).toBe(404)
  expect(await status(signedBy(keyId, 'DELETE', `${apiKeys(userId)}/${print}`))).toBe(404)
  expect((await cloud.call(cloud.a, 'GET', apiKeys(userId))).list).toHaveLength(1)
})

test('a session stays over when its API key is deleted and the same key uploaded again', async () => {
  const userId = await newUser('revoked')
  const session = await sessionOf(userId)
  const earlier = await ofEarlierVersion(session)
  const uses = async (token: string) =>
    Promise.all([cloud.a, cloud.b].map((to) => status(signedBy(`ST$${token}`, 'GET', apiKeys(userId), undefined, to))))
  for (const token of [session, earlier]) expect(await uses(token)).toEqual([200, 200])
  cloud.clock.now += 5_000
  expect(await status(cloud.call(cloud.a, 'DELETE', `${apiKeys(userId)}/${print}`))).toBe(204)
  const next = await sessionOf(userId)
  for (const token of [session, earlier]) expect(await uses(token)).toEqual([401, 401])
  expect(await uses(next)).toEqual([200, 200])
  // The user is known by now.
  for (const token of [session, earlier]) expect(await uses(token)).toEqual([401, 401])
})

/** Which named no upload. */
async function ofEarlierVersion(token: string): Promise<string> {
  const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  const { format: _format, iss: _iss, jwk: _jwk, ...claims } = JSON.parse(text) as SessionClaims
  const holder = { kind: 'user', fingerprint: print } as const
  return sessionToken(cloud.a.hsm, { ...claims, holder, publicKey: createPublicKey(publicKeyPem) })
}
