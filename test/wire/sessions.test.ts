import { createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SessionAuthDetailProvider } from 'oci-common'
import { IdentityClient } from 'oci-identity'
import { KmsCryptoClient, type models } from 'oci-keymanagement'
import { keyServer, oidcIssuer, otherPair, jwkOf } from '../harness/oidcIssuer.ts'
import { callerOf } from '../local/signedCaller.ts'
import { allowReplication, base64, makeKey, makeVault, ociCloud, replicate, type OciCloud } from './ociCloud.ts'
import { allow, join as joinGroup, makeGroup, makeUser, newKeyPair } from './serviceUser.ts'

/** Oracle's own client with a profile that has `security_token_file`, in both regions. */

const pair = newKeyPair()
const issuer = oidcIssuer('https://token.actions.githubusercontent.com')
const published = { text: JSON.stringify(issuer.jwks) }

let keys: Awaited<ReturnType<typeof keyServer>>
let oci: OciCloud
let key: models.Key
let endpoints: readonly string[]
let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-session-'))
  keys = await keyServer(published)
  oci = await ociCloud({ issuerHosts: [keys.host] })
  await allowReplication(oci)
  const vault = await makeVault(oci)
  key = await makeKey(oci, vault)
  endpoints = [vault.cryptoEndpoint, (await replicate(oci, vault.id)).crypto]
  await oci.cloud.idle()
})
afterAll(async () => {
  await oci.close()
  await keys.close()
  rmSync(directory, { recursive: true })
})

/** As `vaultspan session` writes it. */
function profileOf(token: string): SessionAuthDetailProvider {
  const [config, keyFile, tokenFile] = ['config', 'session.pem', 'token'].map((name) => join(directory, name))
  writeFileSync(keyFile ?? '', pair.privatePem)
  writeFileSync(tokenFile ?? '', token)
  const lines = [`tenancy=${oci.tenancyId}`, 'region=us-ashburn-1', `fingerprint=${pair.fingerprint}`]
  const files = [`key_file=${keyFile}`, `security_token_file=${tokenFile}`]
  writeFileSync(config ?? '', ['[DEFAULT]', ...lines, ...files, ''].join('\n'))
  return new SessionAuthDetailProvider(config, 'DEFAULT')
}

async function encrypts(token: string, endpoint: string): Promise<unknown> {
  const client = new KmsCryptoClient({ authenticationDetailsProvider: profileOf(token) })
  client.endpoint = endpoint
  try {
    return await client.encrypt({ encryptDataDetails: { keyId: key.id, plaintext: base64('x') } })
  } finally {
    client.close()
  }
}

const refused = { statusCode: 401, serviceCode: 'NotAuthenticated' }
const unknown = { statusCode: 404, serviceCode: 'NotAuthorizedOrNotFound' }

async function exchange(token: string, endpoint = oci.home): Promise<string> {
  const answer = await fetch(`${endpoint}/20160918/tenancies/${oci.tenancyId}/actions/exchangeToken`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ publicKey: pair.publicPem }),
  })
  const body = (await answer.json()) as Record<string, unknown>
  if (answer.status !== 200) throw Object.assign(new Error(String(body['message'])), { statusCode: answer.status })
  return String(body['token'])
}

async function trust(name: string, more: object): Promise<string> {
  const details = { compartmentId: oci.tenancyId, name, description: 'd', issuer: issuer.issuer, ...more }
  const url = `${oci.home}/20160918/trustedIssuers`
  const { status, body } = await callerOf(oci.cloud)('POST', url, { audience: issuer.audience, ...details })
  expect({ status, message: body['message'] }).toEqual({ status: 200, message: undefined })
  return String(body['id'])
}

async function forget(id: string): Promise<void> {
  const { status } = await callerOf(oci.cloud)('DELETE', `${oci.home}/20160918/trustedIssuers/${id}`)
  expect(status).toBe(204)
}

async function sessionOf(userId: string, print: string, privatePem: string): Promise<string> {
  const { callerAs } = await import('../local/signedCaller.ts')
  const call = callerAs({ keyId: `${oci.tenancyId}/${userId}/${print}`, privateKeyPem: privatePem })
  const answer = await call('POST', `${oci.home}/20160918/sessionTokens`, { publicKey: pair.publicPem })
  expect(answer.status).toBe(200)
  return String(answer.body['token'])
}

/** A user with a key of their own, in a group that may use keys. */
async function member(name: string) {
  const user = await makeUser(oci, name)
  const own = newKeyPair()
  await oci.identity().uploadApiKey({ userId: user.userId, createApiKeyDetails: { key: own.publicPem } })
  const groupId = await makeGroup(oci, name)
  const membershipId = await joinGroup(oci, user.userId, groupId)
  const policyId = await allow(oci, name, `Allow group ${name} to use keys in tenancy`)
  return { ...user, own, groupId, membershipId, policyId }
}

test('a session does what its user may, in both regions, and ends with the API key it was made with', async () => {
  const { userId, own } = await member('ends-with-key')
  const token = await sessionOf(userId, own.fingerprint, own.privatePem)
  for (const endpoint of endpoints) await encrypts(token, endpoint)
  await oci.identity().deleteApiKey({ userId, fingerprint: own.fingerprint })
  for (const endpoint of endpoints) await expect(encrypts(token, endpoint)).rejects.toMatchObject(refused)
})

test('a session may nothing more once its user is out of the group, and is over once the user is gone', async () => {
  const { userId, own, membershipId } = await member('out-of-group')
  const token = await sessionOf(userId, own.fingerprint, own.privatePem)
  for (const endpoint of endpoints) await encrypts(token, endpoint)
  await oci.identity().removeUserFromGroup({ userGroupMembershipId: membershipId })
  for (const endpoint of endpoints) await expect(encrypts(token, endpoint)).rejects.toMatchObject(unknown)
  await oci.identity().deleteUser({ userId })
  for (const endpoint of endpoints) await expect(encrypts(token, endpoint)).rejects.toMatchObject(refused)
})

async function dynamicGroup(name: string, matchingRule: string): Promise<string> {
  const createDynamicGroupDetails = { compartmentId: oci.tenancyId, name, description: 'd', matchingRule }
  return (await oci.identity().createDynamicGroup({ createDynamicGroupDetails })).dynamicGroup.id
}

test('a workload is in the dynamic groups whose rules its claims fulfil, in both regions, until issuer or group is gone', async () => {
  const rule = "request.principal.repository_owner = 'acme'"
  const issuerId = await trust('github', { jwks: issuer.jwks, matchingRule: rule })
  const groupId = await dynamicGroup(
    'deployers',
    "All {request.principal.type = 'workload', request.principal.ref = 'refs/heads/main'}",
  )
  const policyId = await allow(oci, 'deployers', 'Allow dynamic-group deployers to use keys in tenancy')
  const claims = { sub: 'repo:acme/shop', repository_owner: 'acme', type: 'administrator' }
  const [main, branch] = await Promise.all(
    // The one exchange in the home region, the other in the other.
    ['refs/heads/main', 'refs/heads/other'].map(async (ref, index) =>
      exchange(await issuer.token({ ...claims, ref }), [oci.home, oci.other][index]),
    ),
  )
  for (const endpoint of endpoints) {
    await encrypts(main ?? '', endpoint)
    await expect(encrypts(branch ?? '', endpoint)).rejects.toMatchObject(unknown)
  }
  await expect(exchange(await issuer.token({ ...claims, repository_owner: 'other' }))).rejects.toMatchObject({
    statusCode: 401,
  })
  await oci.identity().deletePolicy({ policyId })
  await oci.identity().deleteDynamicGroup({ dynamicGroupId: groupId })
  for (const endpoint of endpoints) await expect(encrypts(main ?? '', endpoint)).rejects.toMatchObject(unknown)
  await forget(issuerId)
  for (const endpoint of endpoints) await expect(encrypts(main ?? '', endpoint)).rejects.toMatchObject(refused)
})

test('policies ask of a workload by any-user and request.principal, and of no user', async () => {
  const issuerId = await trust('kubernetes', { jwks: issuer.jwks, matchingRule: "request.principal.sub = 'system:*'" })
  const kubernetes = { namespace: 'shop', serviceaccount: { name: 'orders' } }
  const token = await exchange(
    await issuer.token({ sub: 'system:serviceaccount:shop:orders', 'kubernetes.io': kubernetes }),
  )
  const { userId, own, policyId: grant } = await member('asked-by-variables')
  await oci.identity().deletePolicy({ policyId: grant })
  const user = await sessionOf(userId, own.fingerprint, own.privatePem)
  const where = "all {request.principal.namespace = 'shop', request.principal.service_account = 'orders'}"
  const policyId = await allow(oci, 'by-variables', `Allow any-user to use keys in tenancy where ${where}`)
  for (const endpoint of endpoints) {
    await encrypts(token, endpoint)
    await expect(encrypts(user, endpoint)).rejects.toMatchObject(unknown)
  }
  await oci.identity().deletePolicy({ policyId })
  await allow(oci, 'by-others', "Allow any-user to use keys in tenancy where request.principal.namespace = 'other'")
  for (const endpoint of endpoints) await expect(encrypts(token, endpoint)).rejects.toMatchObject(unknown)
  await forget(issuerId)
})

test("an issuer's keys are fetched, kept, and fetched anew for a key that is not among them, seldom", async () => {
  const issuerId = await trust('fetched', { jwksUri: keys.uri, matchingRule: "request.principal.sub = '*'" })
  const before = keys.asked.times
  await exchange(await issuer.token({ sub: 'a' }))
  await exchange(await issuer.token({ sub: 'b' }))
  expect(keys.asked.times - before).toBe(1)
  const newer = () => issuer.token({ sub: 'c' }, { key: otherPair.privateKey, kid: 'two' })
  // Asked just now: not asked again for everybody who shows a key of their own making.
  await expect(exchange(await newer())).rejects.toMatchObject({ statusCode: 401 })
  expect(keys.asked.times - before).toBe(1)
  published.text = JSON.stringify({ keys: [...issuer.jwks.keys, jwkOf(otherPair.publicKey, 'two')] })
  await forget(issuerId)
})

test('the client works on with what it does not know: a list of users by a session', async () => {
  const { administrator } = oci.cloud
  const token = await sessionOf(administrator.userId, administrator.fingerprint, administrator.privateKeyPem)
  const client = new IdentityClient({ authenticationDetailsProvider: profileOf(token) })
  client.endpoint = oci.other
  const { items } = await client.listUsers({ compartmentId: oci.tenancyId })
  client.close()
  expect(items.map(({ id }) => id)).toContain(administrator.userId)
  expect(createPublicKey(createPrivateKey(pair.privatePem)).asymmetricKeyType).toBe('rsa')
})

test('a user who is known is not read for a session, and is gone from the next call on once the key is', async () => {
  const { userId, own } = await member('known')
  const token = await sessionOf(userId, own.fingerprint, own.privatePem)
  const [endpoint = ''] = endpoints
  await encrypts(token, endpoint)
  const [home] = oci.cloud.parts
  const { identity } = home?.runtime ?? { identity: undefined }
  expect(identity?.fresh(oci.tenancyId)?.users.get(`${userId}#${own.fingerprint}`)).toBeDefined()
  const reads: string[] = []
  const user = identity?.user.bind(identity)
  Object.assign(identity ?? {}, {
    user: (...[tenancyId, id, print]: [string, string, string]) => {
      reads.push(id)
      return user?.(tenancyId, id, print)
    },
  })
  await encrypts(token, endpoint)
  expect(reads).toEqual([])
  await oci.identity().deleteApiKey({ userId, fingerprint: own.fingerprint })
  await expect(encrypts(token, endpoint)).rejects.toMatchObject(refused)
  expect(reads).toContain(userId)
  Reflect.deleteProperty(identity ?? {}, 'user')
})
