import { randomBytes } from 'node:crypto'
import { newKeyVersionOcid, newOcid, newVaultPrefix } from '../../lib/ocid.ts'
import { addUser } from '../harness/addUser.ts'
import type { Call } from '../harness/signedCall.ts'
import { regionA, twoRegions, type TestCloud, type TestRegion } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { requestModels, type Ids } from './requestModels.ts'

/** Who may nothing learns nothing: what is there and what is not answer the same, in body and headers, in both regions. */

let cloud: TestCloud
let stranger: Call
let there: Ids
let nowhere: Ids
beforeAll(async () => {
  cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  const { body: key } = await makeKey(cloud, vaultId)
  const signing = await makeKey(cloud, vaultId, { keyShape: { algorithm: 'ECDSA', length: 32 } })
  await cloud.settle()
  stranger = await addUser(cloud, 'strangers', ['Allow group strangers to inspect policies in tenancy'])
  const common = {
    tenancyId: cloud.tenancyId,
    policyId: '',
    compartmentId: cloud.tenancyId,
    userId: '',
    groupId: '',
    tagNamespaceId: '',
    tagId: '',
    now: () => cloud.clock.now,
  }
  const keyId = String(key['id'])
  const versionId = String(key['currentKeyVersion'])
  const signingKeyId = String(signing.body['id'])
  there = { ...common, vaultId, spareVaultId: vaultId, keyId, spareKeyId: keyId, signingKeyId, versionId }
  const [, , , , vaultPrefix = ''] = vaultId.split('.')
  const absentKey = newOcid(randomBytes, 'key', { region: regionA, vaultPrefix })
  const absentVault = newOcid(randomBytes, 'vault', { region: regionA, vaultPrefix: newVaultPrefix(randomBytes) })
  const compartmentId = newOcid(randomBytes, 'compartment')
  nowhere = {
    ...common,
    tenancyId: compartmentId,
    compartmentId,
    vaultId: absentVault,
    spareVaultId: absentVault,
    keyId: absentKey,
    spareKeyId: absentKey,
    signingKeyId: absentKey,
    versionId: newKeyVersionOcid(randomBytes, absentKey, randomBytes(16).toString('hex')),
  }
})
afterAll(() => {
  cloud.close()
})

interface Asked {
  readonly method: string
  readonly target: (ids: Ids) => string
  readonly body?: (ids: Ids) => object
}

const key = (ids: Ids) => `/20180608/keys/${ids.keyId}`
const vault = (ids: Ids) => `/20180608/vaults/${ids.vaultId}`
const reads: readonly (readonly [string, Asked])[] = [
  ['GetVault', { method: 'GET', target: vault }],
  ['GetVaultUsage', { method: 'GET', target: (ids) => `${vault(ids)}/usage` }],
  ['ListVaultReplicas', { method: 'GET', target: (ids) => `${vault(ids)}/actions/listReplicas` }],
  ['ListVaults', { method: 'GET', target: (ids) => `/20180608/vaults?compartmentId=${ids.compartmentId}` }],
  ['GetKey', { method: 'GET', target: key }],
  ['ListKeys', { method: 'GET', target: (ids) => `/20180608/keys?compartmentId=${ids.compartmentId}` }],
  ['ListKeyVersions', { method: 'GET', target: (ids) => `${key(ids)}/keyVersions` }],
  ['GetKeyVersion', { method: 'GET', target: (ids) => `${key(ids)}/keyVersions/${ids.versionId}` }],
  ['EnableKey', { method: 'POST', target: (ids) => `${key(ids)}/actions/enable`, body: () => ({}) }],
  ['DisableKey', { method: 'POST', target: (ids) => `${key(ids)}/actions/disable`, body: () => ({}) }],
]
const models = requestModels
  .map(([name, method, target, body]): readonly [string, Asked] => [name, { method, target, body }])
  .filter(
    ([name]) =>
      !/(Policy|Compartment|User|Group|ApiKey|Configuration|Tag\w*)Details?$/.test(name) ||
      /^Change(Key|Vault)/.test(name),
  )

const hostOf = (target: string) => (/^\/20180608\/(vaults|usage)/.test(target) ? {} : { host: there.vaultId })

describe.each([
  ['the home region', () => cloud.a],
  ['the replica’s region', () => cloud.b],
] as const)('in %s', (_, regionOf: () => TestRegion) => {
  test.each([...reads, ...models])('%s answers 404 alike, whether it is there or not', async (_name, asked) => {
    const answers = await Promise.all(
      [there, nowhere].map(async (ids) => {
        const target = asked.target(ids)
        const { status, text, headers } = await stranger(
          regionOf(),
          asked.method,
          target,
          asked.body?.(ids),
          hostOf(target),
        )
        const { 'opc-request-id': id = '', ...others } = headers
        return { status, text, headers: others, idLength: id.length }
      }),
    )
    expect(answers[0]).toMatchObject({ status: 404 })
    expect(answers[0]?.text).toContain('NotAuthorizedOrNotFound')
    expect(answers[0]).toEqual(answers[1])
  })
})
