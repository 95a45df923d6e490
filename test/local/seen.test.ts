import { createPublicKey, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { until } from '../harness/until.ts'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { newOcid } from '../../lib/ocid.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { callerAs, callerOf, type SignedCaller } from './signedCaller.ts'

/** What the embedded host tells of requests: to its log all of it, to callers what they may know. */

const lines: string[] = []
let cloud: Cloud
let home: string
let vault: Record<string, unknown>
let call: SignedCaller
beforeAll(async () => {
  const log = jsonLogger((line) => lines.push(line), 'info')
  cloud = await startCloud({ directory: ':memory:', port: 0, log, generateRsa: knownRsaPair })
  home = cloud.regions[0]?.endpoint ?? ''
  call = callerOf(cloud)
  vault = await makeVault()
})
afterAll(() => cloud.close())

async function makeVault(): Promise<Record<string, unknown>> {
  const details = { compartmentId: cloud.tenancyId, displayName: 'v', vaultType: 'VIRTUAL_PRIVATE' }
  return (await call('POST', `${home}/20180608/vaults`, details)).body
}

const text = (value: unknown) => String(value)
const replicate = (caller: SignedCaller, id: unknown) =>
  caller('POST', `${home}/20180608/vaults/${text(id)}/actions/createReplica`, { replicaRegion: 'us-phoenix-1' })

/** A user in a group of that name, which may do what the statements say. */
async function addUser(group: string, statements: readonly string[]): Promise<SignedCaller> {
  const [region] = cloud.parts
  if (region === undefined) throw new Error('A cloud has a home region.')
  const { tenancyId, administrator } = cloud
  const [userId, groupId] = [newOcid(randomBytes, 'user'), newOcid(randomBytes, 'group')]
  const publicKey = createPublicKey(administrator.privateKeyPem)
  const print = fingerprint(publicKey)
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  await appendIdentity(region.runtime, tenancyId, {
    after: await headSeq(region.runtime, tenancyId),
    puts: [
      { sk: identitySk.group(groupId), kind: 'group', id: groupId, name: group },
      { sk: identitySk.user(userId), kind: 'user', id: userId, name: group },
      { sk: identitySk.membership(userId, groupId), kind: 'membership', userId, groupId },
      { sk: identitySk.apiKey(userId, print), kind: 'apiKey', userId, fingerprint: print, publicKey: pem },
    ],
  })
  const policy = { compartmentId: tenancyId, name: group, description: 'd', statements }
  expect((await call('POST', `${home}/20160918/policies`, policy)).status).toBe(200)
  await cloud.idle()
  return callerAs({ keyId: `${tenancyId}/${userId}/${print}`, privateKeyPem: administrator.privateKeyPem })
}

async function lineOf(requestId: unknown): Promise<Record<string, unknown>> {
  const found = () => lines.filter((line) => line.includes(text(requestId)))
  await until(
    () => found().length > 0,
    () => lines,
  )
  expect(found()).toHaveLength(1)
  return JSON.parse(found()[0] ?? '') as Record<string, unknown>
}

const plain = 'Authorization failed or requested resource not found.'

test('who may get a vault is told that the service’s policy is missing', async () => {
  const { status, body } = await replicate(call, vault['id'])
  expect(status).toBe(404)
  expect(body).toEqual({
    code: 'NotAuthorizedOrNotFound',
    message: `${plain} What is missing: no policy grants service keymanagementservice VAULT_REPLICATE in tenancy ${cloud.tenancyId}; README, "Replicate a vault", step 1.`,
  })
})

test('who may get a vault or a key is told which grant is missing, and nobody else is', async () => {
  const reader = await addUser('Readers', [
    'Allow group Readers to read vaults in tenancy',
    'Allow group Readers to read keys in tenancy',
  ])
  const replicator = await addUser('Replicators', ['Allow group Replicators to {VAULT_REPLICATE} in tenancy'])
  const endpoint = text(vault['managementEndpoint'])
  const keyShape = { algorithm: 'AES', length: 32 }
  const details = { compartmentId: cloud.tenancyId, displayName: 'k', keyShape }
  const key = (await call('POST', `${endpoint}/20180608/keys`, details)).body
  const encrypt = (caller: SignedCaller, keyId: unknown) =>
    caller('POST', `${endpoint}/20180608/encrypt`, { keyId, plaintext: 'aGk=' })
  const missing = (message: string) => ({ status: 404, body: { message: expect.stringContaining(message) as string } })
  expect(await replicate(reader, vault['id'])).toMatchObject(missing('VAULT_REPLICATE in compartment'))
  expect(await encrypt(reader, key['id'])).toMatchObject(missing('KEY_ENCRYPT in compartment'))
  expect(await reader('POST', `${endpoint}/20180608/keys`, details)).toMatchObject(missing('VAULT_CREATE_KEY'))
  const absentKey = `${text(key['id']).slice(0, -4)}aaaa`
  for (const refused of [
    await encrypt(reader, absentKey),
    await encrypt(replicator, key['id']),
    await encrypt(replicator, absentKey),
    await replicate(replicator, vault['id']),
    await replicate(reader, `${text(vault['id']).slice(0, -4)}aaaa`),
  ]) {
    expect(refused).toMatchObject({ status: 404, body: { code: 'NotAuthorizedOrNotFound', message: plain } })
  }
})

test('of a key of another vault the log names that vault and where it answers, and the answer does not', async () => {
  const other = await makeVault()
  const details = { compartmentId: cloud.tenancyId, displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }
  const key = (await call('POST', `${text(other['managementEndpoint'])}/20180608/keys`, details)).body
  const url = `${text(vault['cryptoEndpoint'])}/20180608/encrypt`
  const requestId = 'of-another-vault'
  const refused = await call('POST', url, { keyId: key['id'], plaintext: 'aGk=' }, { 'opc-request-id': requestId })
  expect(refused).toMatchObject({ status: 404, body: { code: 'NotAuthorizedOrNotFound', message: plain } })
  expect(await lineOf(requestId)).toMatchObject({
    operation: 'Encrypt',
    status: 404,
    reason: 'keyOfAnotherVault',
    why: `key ${text(key['id'])} belongs to vault ${text(other['id'])}, whose endpoint is ${text(other['managementEndpoint'])}, not to vault ${text(vault['id'])}, at whose endpoint the request arrived`,
  })
})

test('a host that leads nowhere is logged, and so is what no HTTP server reads', async () => {
  const { hostname, port } = new URL(home)
  const headers = { host: 'kms.example.com', 'opc-request-id': 'elsewhere' }
  const status = await new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path: '/20180608/vaults', headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .once('error', reject)
      .end()
  })
  expect(status).toBe(404)
  const why = `the request names the host kms.example.com, which is none of those that lead to port ${port}; HOST_NAMES adds some`
  expect(await lineOf('elsewhere')).toMatchObject({ operation: null, status: 404, reason: 'hostNotOurs', why })
  const tooLong = await fetch(`${home}/20180608/vaults`, { headers: { 'x-long': 'x'.repeat(20_000) } })
  expect(tooLong.status).toBe(431)
  expect(await lineOf(tooLong.headers.get('opc-request-id'))).toMatchObject({ status: 431, reason: 'headersTooLarge' })
})
