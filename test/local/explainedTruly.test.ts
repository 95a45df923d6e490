import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { newKeyPair } from '../wire/serviceUser.ts'
import { callerAs, callerOf, type SignedCaller } from './signedCaller.ts'

/** What ExplainPolicy says is what really happens, and no more than whoever asks may know. */

const pair = newKeyPair()
let directory: string
let cloud: Cloud
let admin: SignedCaller
let shop: string
let vaultId: string
let otherVaultId: string
let keyId: string
const url = (path: string) => `${cloud.regions[0]?.endpoint ?? ''}/${path}`
const made = async (path: string, details: object) => {
  const { status, body } = await admin('POST', path.startsWith('http') ? path : url(path), details)
  expect([status, body['message']]).toEqual([200, undefined])
  return body
}
const identity = (path: string, details: object) =>
  made(`20160918/${path}`, { compartmentId: cloud.tenancyId, description: 'd', ...details })

interface Member {
  readonly id: string
  readonly call: SignedCaller
}
/** A user in a group of the same name, to whom the statements, which begin behind the group, are granted. */
async function member(name: string, ...grants: readonly string[]): Promise<Member> {
  const id = String((await identity('users', { name }))['id'])
  await made(`20160918/users/${id}/apiKeys`, { key: pair.publicPem })
  const groupId = (await identity('groups', { name }))['id']
  await identity('userGroupMemberships', { userId: id, groupId })
  const statements = grants.map((grant) => `Allow group ${name} to ${grant}`)
  if (statements.length > 0) await identity('policies', { name, statements })
  const keyOf = `${cloud.tenancyId}/${id}/${pair.fingerprint}`
  return { id, call: callerAs({ keyId: keyOf, privateKeyPem: pair.privatePem }) }
}
const ask = async (about: Member, operation: string, query: Readonly<Record<string, string>> = {}, by = admin) => {
  const text = new URLSearchParams({ userId: about.id, operation, ...query }).toString()
  return by('GET', url(`20160918/policyExplanations?${text}`))
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-explained-'))
  cloud = await startCloud({ directory, port: 0, generateRsa: knownRsaPair })
  admin = callerOf(cloud)
  shop = String((await identity('compartments', { name: 'shop' }))['id'])
  const vault = (displayName: string) =>
    made('20180608/vaults', { compartmentId: shop, displayName, vaultType: 'VIRTUAL_PRIVATE' })
  const first = await vault('one')
  vaultId = String(first['id'])
  otherVaultId = String((await vault('two'))['id'])
  const details = { compartmentId: shop, displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }
  keyId = String((await made(`${String(first['managementEndpoint'])}/20180608/keys`, details))['id'])
})
afterAll(async () => {
  await cloud.close()
  rmSync(directory, { recursive: true })
})

test('who may not list memberships is not told them, and who may not inspect a compartment neither name nor existence', async () => {
  const about = await member('about')
  const without = await member('without', 'inspect policies in tenancy', 'inspect users in tenancy')
  expect(await ask(about, 'CreateVault', {}, without.call)).toMatchObject({ status: 404 })
  const grants = ['policies', 'users', 'groups', 'key-family'].map((each) => `inspect ${each} in tenancy`)
  const auditor = await member('auditor', ...grants)
  const missing = `${shop.slice(0, -4)}aaaa`
  for (const compartmentId of [shop, missing]) {
    expect(await ask(about, 'CreateVault', { compartmentId }, auditor.call)).toMatchObject({
      status: 404,
      body: { code: 'NotAuthorizedOrNotFound' },
    })
  }
  const { body } = await ask(about, 'Encrypt', { keyId }, auditor.call)
  expect(body).toMatchObject({ groups: ['about'], permissions: [{ compartmentId: shop, compartmentName: null }] })
  const known = await ask(about, 'Encrypt', { keyId })
  expect(known.body).toMatchObject({ permissions: [{ compartmentName: 'shop' }] })
})

test('policies that whoever asks may not read are not shown', async () => {
  const about = await member('hidden')
  const statements = ['Allow group hidden to use keys in compartment shop']
  await identity('policies', { name: 'of-shop', compartmentId: shop, statements })
  const reader = await member(
    'reader',
    `inspect policies in tenancy where target.compartment.id = '${cloud.tenancyId}'`,
    ...['users', 'groups', 'key-family'].map((each) => `inspect ${each} in tenancy`),
  )
  const { body } = await ask(about, 'Encrypt', { keyId }, reader.call)
  expect(body).toMatchObject({ isAllowed: true, permissions: [{ grantedBy: [], missing: null }] })
})

test("a replica takes the service's own statement too", async () => {
  const about = await member('rep', 'manage vaults in tenancy')
  const create = () =>
    about.call('POST', url(`20180608/vaults/${vaultId}/actions/createReplica`), { replicaRegion: 'us-phoenix-1' })
  const { body: said } = await ask(about, 'CreateVaultReplica', { vaultId })
  expect((await create()).status).toBe(404)
  const own = { permission: 'VAULT_REPLICATE', service: null, isGranted: true }
  const missing = `Allow service keymanagementservice to {VAULT_REPLICATE} in compartment id ${shop}`
  const ofService = { service: 'keymanagementservice', isGranted: false, missing }
  expect(said).toMatchObject({ isAllowed: false, permissions: [own, ofService] })
  await identity('policies', { name: 'service', statements: [missing] })
  expect((await ask(about, 'CreateVaultReplica', { vaultId })).body).toMatchObject({ isAllowed: true })
  expect((await create()).status).toBe(202)
})

test('a tag default takes the use of the namespace too', async () => {
  const about = await member('tagger', 'manage tag-defaults in compartment shop')
  const namespace = String((await identity('tagNamespaces', { compartmentId: shop, name: 'ops' }))['id'])
  const tag = await made(`20160918/tagNamespaces/${namespace}/tags`, { name: 'cost', description: 'd' })
  const details = { compartmentId: shop, tagDefinitionId: tag['id'], value: 'x' }
  const { body } = await ask(about, 'CreateTagDefault', { compartmentId: shop })
  expect((await about.call('POST', url('20160918/tagDefaults'), details)).status).toBe(404)
  expect(body).toMatchObject({
    isAllowed: false,
    note: expect.stringMatching(/namespace/) as unknown,
    permissions: [{ isGranted: true }, { permission: 'TAG_NAMESPACE_USE', isGranted: false }],
  })
})

test('what users may do with themselves, and what no user calls, is said', async () => {
  const about = await member('plain')
  expect((await about.call('GET', url(`20160918/users/${about.id}/apiKeys`))).status).toBe(200)
  for (const operation of ['GetUser', 'ListApiKeys', 'UploadApiKey', 'DeleteApiKey']) {
    expect((await ask(about, operation)).body).toMatchObject({
      note: expect.stringMatching(/^Of themselves/) as unknown,
    })
  }
  expect((await ask(about, 'ExchangeToken')).body).toMatchObject({
    isAllowed: false,
    note: expect.stringMatching(/^No user calls this/) as unknown,
  })
  expect((await ask(about, 'ListRegions')).body).toMatchObject({ isAllowed: true, note: null, permissions: [] })
})

test('what does not go together is refused, not passed over', async () => {
  const about = await member('odd', 'manage users in compartment shop')
  const real = { compartmentId: shop, name: 'odd2', description: 'd' }
  expect((await about.call('POST', url('20160918/users'), real)).status).toBe(400)
  const { tenancyId } = cloud
  for (const [operation, query, says] of [
    ['CreateUser', { compartmentId: shop }, /tenancy itself/],
    ['Encrypt', { keyId, vaultId: otherVaultId }, /vaultId is not the key's/],
    ['Encrypt', { keyId, compartmentId: tenancyId }, /compartmentId is not the key's/],
    ['CreateKey', { keyId }, /about no key/],
    ['CreateVault', { vaultId }, /about no vault/],
  ] as const) {
    const { status, body } = await ask(about, operation, query)
    expect([operation, status]).toEqual([operation, 400])
    expect(body['message']).toMatch(says)
  }
  expect(await ask(about, 'Encrypt', { keyId, vaultId, compartmentId: shop })).toMatchObject({ status: 200 })
})
