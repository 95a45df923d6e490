import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explained, explanationText } from '../../local/calls/explain.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { callerOf, type SignedCaller } from './signedCaller.ts'

/** `vaultspan policy explain`, as an administrator types it. */

let directory: string
let cloud: Cloud
let call: SignedCaller
let keyId: string
const endpoint = () => cloud.regions[0]?.endpoint ?? ''
const made = async (path: string, details: object) => {
  const { status, body } = await call('POST', `${endpoint()}/${path}`, details)
  expect([status, body['message']]).toEqual([200, undefined])
  return body
}
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-explain-'))
  cloud = await startCloud({ directory, port: 0, generateRsa: knownRsaPair, settings: noHurry })
  call = callerOf(cloud)
  const common = { compartmentId: cloud.tenancyId, description: 'd' }
  const { id: userId } = await made('20160918/users', { ...common, name: 'orders' })
  const { id: groupId } = await made('20160918/groups', { ...common, name: 'orders' })
  await made('20160918/userGroupMemberships', { userId, groupId })
  const vault = await made('20180608/vaults', { ...common, displayName: 'v', vaultType: 'DEFAULT' })
  const details = { compartmentId: cloud.tenancyId, displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }
  const answer = await call('POST', `${String(vault['managementEndpoint'])}/20180608/keys`, details)
  keyId = String(answer.body['id'])
  const statements = [
    `Allow group orders to use keys in tenancy where target.key.id = '${keyId}'`,
    "Allow group orders to {KEY_DELETE} in tenancy where request.region = 'phx'",
  ]
  await made('20160918/policies', { ...common, name: 'orders', statements })
})
afterAll(async () => {
  await cloud.close()
  rmSync(directory, { recursive: true })
})

const told = async (flags: object) =>
  explanationText(
    await explained({ data: directory, profile: 'DEFAULT', user: 'orders', operation: 'Encrypt', ...flags }),
  )

test('the statement that grants is shown, for the key that it names', async () => {
  expect(await told({ key: keyId })).toBe(
    [
      'orders (in orders) may Encrypt in us-ashburn-1',
      '  KEY_ENCRYPT in vaultspan: granted',
      `    by policy orders, statement 1: Allow group orders to use keys in tenancy where target.key.id = '${keyId}'`,
    ].join('\n'),
  )
})

test('what is missing is shown, with what nearly grants', async () => {
  const text = await told({ key: keyId, operation: 'scheduleKeyDeletion' })
  expect(text).toContain('orders (in orders) may not ScheduleKeyDeletion in us-ashburn-1')
  expect(text).toContain(
    "statement 2: Allow group orders to {KEY_DELETE} in tenancy where request.region = 'phx' (its condition does not hold)",
  )
  expect(text).toContain('this would do: Allow group orders to {KEY_DELETE} in tenancy')
  // There the condition holds.
  const there = await told({ operation: 'ScheduleKeyDeletion', endpoint: cloud.regions[1]?.endpoint })
  expect(there).toContain('orders (in orders) may ScheduleKeyDeletion in us-phoenix-1')
})

test.each([
  ['a user that is not there', { user: 'nobody' }, /There is no user nobody/],
  ['an operation that is none', { operation: 'Encript' }, /There is no operation Encript/],
  ['a key that is not there', { key: 'ocid1.key.oc1.iad.aaaaaaaaaaaaa.aaaa' }, /404/],
])('%s is told', async (_what, flags, says) => {
  await expect(told(flags)).rejects.toThrow(says)
})

test('what anybody may who can sign is allowed without a statement', async () => {
  expect(await told({ operation: 'ListRegions' })).toBe('orders (in orders) may ListRegions in us-ashburn-1')
})
