import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { taken } from '../harness/deliveries.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** Messages overtake each other: what a replica has is never put back to an older state. */

let cloud: TestCloud
let vaultId: string
beforeEach(async () => {
  cloud = await twoRegions()
  vaultId = await makeReplicatedVault(cloud)
})
afterEach(() => {
  cloud.close()
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
