import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { signMessage } from '../../lib/replication/messages/signedMessage.ts'
import { bodyOf, taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** Messages overtake each other: what a replica has is never put back to an older state. */

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

const works = async (texts: readonly string[]) => {
  expect(await workInbox(cloud.b.runtime, texts)).toEqual(texts.map(() => ({ outcome: 'done' })))
}

async function expectSame(): Promise<void> {
  expect(await storedRows(cloud.b, vaultId)).toEqual(await storedRows(cloud.a, vaultId))
}

test('a key’s older record after a newer one changes nothing, neither in the key nor in its versions', async () => {
  const { body } = await makeKey(cloud, vaultId)
  const target = `/20180608/keys/${String(body['id'])}`
  const onKey = (method: string, path: string, details: object = {}) =>
    cloud.call(cloud.a, method, `${target}${path}`, details, { host: vaultId })
  await onKey('POST', '/keyVersions')
  const older = await taken(cloud.b, 'inbox')
  expect(older).toHaveLength(2)
  const version = String(body['currentKeyVersion'])
  expect((await onKey('POST', `/keyVersions/${version}/actions/scheduleDeletion`)).status).toBe(200)
  expect((await onKey('PUT', '', { displayName: 'renamed' })).status).toBe(200)
  await works(older)
  await works(await taken(cloud.b, 'inbox'))
  await expectSame()
  for (const each of older.toReversed()) await works([each])
  await expectSame()
})

test('a vault’s older record after a newer one changes nothing', async () => {
  const rename = (displayName: string) => cloud.call(cloud.a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName })
  await rename('one')
  const older = await taken(cloud.b, 'inbox')
  await rename('two')
  await works(await taken(cloud.b, 'inbox'))
  await works(older)
  const there = await cloud.call(cloud.b, 'GET', `/20180608/vaults/${vaultId}`)
  expect(there.body).toMatchObject({ displayName: 'two' })
  await expectSame()
})

test('an entry of identity that overtakes the one before it waits, and changes nothing until then', async () => {
  const head = () => headSeq(cloud.b.runtime, cloud.tenancyId)
  const before = await head()
  await makePolicy('one')
  const [first = ''] = await taken(cloud.b, 'inbox')
  await makePolicy('two')
  const later = (await taken(cloud.b, 'inbox')).at(-1) ?? ''
  expect(await headSeq(cloud.a.runtime, cloud.tenancyId)).toBe(before + 2)
  // Where the one before was not acknowledged the later message brings both: here only its last entry comes.
  const last = await onlyLastEntry(later)
  expect(await workInbox(cloud.b.runtime, [last])).toEqual([{ outcome: 'wait' }])
  expect(await head()).toBe(before)
  await works([first])
  await works([last])
  expect(await head()).toBe(before + 2)
})

function makePolicy(name: string): Promise<unknown> {
  const statements = ['Allow group Administrators to read keys in tenancy']
  const details = { compartmentId: cloud.tenancyId, name, description: 'd', statements }
  return cloud.call(cloud.a, 'POST', '/20160918/policies', details)
}

async function onlyLastEntry(text: string): Promise<string> {
  const body = bodyOf(text)
  if (body.kind !== 'identity') throw new Error('It is no message of identity.')
  const of = { tenancyId: cloud.tenancyId, destination: regionB }
  return signMessage(cloud.a.hsm, of, cloud.clock.now, { kind: 'identity', records: body.records.slice(-1) })
}
