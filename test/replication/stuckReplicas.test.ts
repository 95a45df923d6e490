import { KeptInToken, KmsError } from '../../lib/errors.ts'
import { transportPk } from '../../lib/kms/vaults/partition.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { stuckReplicas } from '../../lib/replication/stuckReplicas.ts'
import { regionA, regionB, twoRegions, type TestCloud, type TestRegion } from '../harness/twoRegions.ts'
import { allowReplication, createReplica, makeVault, replicaStatus } from '../harness/vaultStory.ts'

/** A link that goes on being refused: it is told once, costs a message a minute, and comes right by itself. */

let cloud: TestCloud
let vaultId: string
let lines: string[]
beforeEach(async () => {
  // What a former test's cloud still says as it ends is not told here.
  const own: string[] = []
  lines = own
  cloud = await twoRegions({ logLevel: 'warn', writeLog: (line) => own.push(line) })
  vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  await cloud.settle()
  lines.length = 0
})
afterEach(() => {
  cloud.close()
})

/** What its source says each minute, and all that follows from it. */
const aMinutePasses = async () => {
  cloud.clock.now += 60_000
  await reconcile(cloud.a.runtime)
  await cloud.settle()
}
const waiting = ({ store }: TestRegion) =>
  (['inbox', 'outcome', 'outbox', 'inboxDlq', 'outcomeDlq'] as const).filter(
    (name) => store.queues.nextVisibleAt(name) !== undefined,
  )

/** The HSM fails in one of its calls until it is mended. */
function failing({ hsm }: TestRegion, call: 'exportVaultKeys' | 'importVaultKeys', cause: Error) {
  const failure = {
    tries: 0,
    mend: () => {
      Reflect.deleteProperty(hsm, call)
    },
  }
  const fail = async () => {
    failure.tries += 1
    throw cause
  }
  Object.assign(hsm, { [call]: fail })
  return failure
}

const auditedIn = async ({ store }: TestRegion) => {
  const { items } = await store.tables.query('Replication', `refused#${vaultId}`, '', { limit: 10 })
  return items.length
}

test('a link that its source refuses is logged and told once, leaves no message, and has its HSM asked no more', async () => {
  const kept = new KeptInToken('The keys are in a token.')
  const exporting = failing(cloud.a, 'exportVaultKeys', kept)
  await createReplica(cloud, vaultId)
  await cloud.settle()
  // The request says it, and the stream.
  const begun = exporting.tries
  for (let minute = 1; minute <= 3; minute += 1) {
    await aMinutePasses()
    expect(waiting(cloud.a)).toEqual([])
    expect(waiting(cloud.b)).toEqual([])
    expect(exporting.tries).toBe(begun)
  }
  expect(lines).toEqual([
    expect.stringContaining("A vault's keys do not go from us-ashburn-1 to us-phoenix-1") as unknown,
  ])
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', vault: vaultId, reason: kept.message })
  const told = { vaultId, source: regionA, destination: regionB, why: 'keptInToken', reason: kept.message }
  expect(await stuckReplicas(cloud.a.runtime)).toEqual([told])
  expect(await stuckReplicas(cloud.b.runtime)).toEqual([])
})

test('keys that a setting kept do not go because it is turned on: their replica is asked for again, or their region has a token', async () => {
  const exporting = failing(cloud.a, 'exportVaultKeys', new KeptInToken('The keys are in a token.'))
  await createReplica(cloud, vaultId)
  await cloud.settle()
  exporting.mend()
  for (let minute = 1; minute <= 2; minute += 1) await aMinutePasses()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATING')
  expect(await stuckReplicas(cloud.a.runtime)).toMatchObject([{ vaultId, why: 'keptInToken' }])
  expect([lines.length, await auditedIn(cloud.a)]).toEqual([1, 1])
  await createReplica(cloud, vaultId)
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  expect(await stuckReplicas(cloud.a.runtime)).toEqual([])
  // The key of the link before waits for no bundle any more.
  expect((await cloud.b.store.tables.query('Replication', transportPk(vaultId), '', { limit: 10 })).items).toEqual([])
})

test.each([
  ['refused', new KmsError('integrityFailure', 'It is another one.'), 1],
  ['noFreeToken', new KmsError('limitExceeded', 'No token is free.'), 0],
] as const)(
  'a link that its destination refuses is told there (%s), and its source says that the keys were not taken',
  async (why, cause, audited) => {
    const importing = failing(cloud.b, 'importVaultKeys', cause)
    await createReplica(cloud, vaultId)
    await cloud.settle()
    expect(await stuckReplicas(cloud.a.runtime)).toEqual([])
    const begun = importing.tries
    for (let minute = 1; minute <= 4; minute += 1) await aMinutePasses()
    expect(importing.tries).toBe(begun + 4)
    expect([...waiting(cloud.a), ...waiting(cloud.b)]).toEqual([])
    expect(lines).toEqual([expect.stringContaining(cause.message) as unknown])
    expect(await auditedIn(cloud.b)).toBe(audited)
    const link = { vaultId, source: regionA, destination: regionB }
    expect(await stuckReplicas(cloud.b.runtime)).toEqual([{ ...link, why, reason: cause.message }])
    expect(await stuckReplicas(cloud.a.runtime)).toMatchObject([{ ...link, why: 'notTaken' }])
    importing.mend()
    await aMinutePasses()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
    for (const { runtime } of [cloud.a, cloud.b]) expect(await stuckReplicas(runtime)).toEqual([])
  },
)

test('a link is told no more once nobody asks for it', async () => {
  const cause = new KmsError('integrityFailure', 'It is another one.')
  failing(cloud.b, 'importVaultKeys', cause)
  await createReplica(cloud, vaultId)
  await cloud.settle()
  expect(await stuckReplicas(cloud.b.runtime)).toMatchObject([{ vaultId, why: 'refused' }])
  cloud.clock.now += 4 * 60_000
  expect(await stuckReplicas(cloud.b.runtime)).toEqual([])
  await aMinutePasses()
  expect(await stuckReplicas(cloud.b.runtime)).toMatchObject([{ vaultId }])
  await cloud.call(cloud.a, 'POST', `/20180608/vaults/${vaultId}/actions/deleteReplica`, { replicaRegion: regionB })
  await cloud.settle()
  for (const { runtime } of [cloud.a, cloud.b]) expect(await stuckReplicas(runtime)).toEqual([])
})
