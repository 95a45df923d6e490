import type { TransferBundle } from '../../lib/hsm/hsm.ts'
import { unsignedBytes } from '../../lib/hsm/formats/statement.ts'
import { storedBackupKeys } from '../../lib/kms/backup/backupKeys.ts'
import { transportPk } from '../../lib/kms/vaults/partition.ts'
import { linkReport } from '../../lib/replication/linkReport.ts'
import { auditRefusal, hasRefused } from '../../lib/replication/link/refusedTransfers.ts'
import { transferContext } from '../../lib/replication/link/transferContext.ts'
import { transportAt, waitingTransport } from '../../lib/replication/link/transport.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { signMessage, type Body, type BodyOf } from '../../lib/replication/messages/signedMessage.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { wantBackupKeys } from '../../lib/replication/tenancy/replicateBackupKeys.ts'
import { bodyOf, taken, workOutcomeOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB, type TestRegion } from '../harness/twoRegions.ts'
import { allowReplication, createReplica, makeVault, replicaStatus } from '../harness/vaultStory.ts'

/** A vault's keys that are refused on their way: each link and reason is in the audit once, and what has expired comes right. */

const day = 86_400_000
const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  await cloud.settle()
})

async function events(region: TestRegion, operation: string): Promise<readonly Record<string, unknown>[]> {
  const range = 'startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z'
  const { list } = await cloud.call(region, 'GET', `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&${range}`)
  return list
    .filter(({ eventType }) => String(eventType).endsWith(`KeyManagementService.${operation}`))
    .map(({ data }) => data as Record<string, unknown>)
}

const reasonsIn = async (region: TestRegion) =>
  (await events(region, 'RefuseVaultTransfer')).map(({ resourceId, stateChange }) => {
    const { current } = stateChange as { readonly current: Record<string, unknown> }
    return { resourceId, ...current }
  })

function signed(by: TestRegion, destination: string, body: Body): Promise<string> {
  return signMessage(by.hsm, { tenancyId: cloud.tenancyId, destination }, cloud.clock.now, body)
}

/** Asks for the replica and goes on until a message of this kind lies in the region's queue. */
async function untilSent<K extends 'linkOffer' | 'linkBundle'>(kind: K): Promise<{ text: string; body: BodyOf<K> }> {
  await createReplica(cloud, vaultId)
  for (const text of await taken(cloud.b, 'inbox')) await workInbox(cloud.b.runtime, [text])
  if (kind === 'linkBundle') await workOutcomeOf(cloud.a)
  const [text = ''] = kind === 'linkBundle' ? await taken(cloud.b, 'inbox') : await taken(cloud.a, 'outcome')
  const body = bodyOf(text)
  if (body.kind !== kind) throw new Error(`It is a ${body.kind}.`)
  return { text, body: body as BodyOf<K> }
}

test('the source says once why it does not send, healthz counts it, and the link goes on when the offer is right', async () => {
  const { text, body } = await untilSent('linkOffer')
  const altered = await signed(cloud.b, regionA, { ...body, offer: { ...body.offer, keeper: 'token' } })
  for (let attempt = 0; attempt < 3; attempt += 1)
    await expect(workOutcome(cloud.a.runtime, altered)).rejects.toMatchObject({ code: 'integrityFailure' })
  expect(await reasonsIn(cloud.a)).toEqual([
    {
      resourceId: vaultId,
      source: regionA,
      destination: regionB,
      reason: "The transfer of the vault's keys is refused: the signature of the offer does not verify.",
    },
  ])
  expect(await linkReport(cloud.a.runtime, 10)).toEqual([expect.objectContaining({ vaultId, isRefused: true })])
  await workOutcome(cloud.a.runtime, text)
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  expect(await linkReport(cloud.a.runtime, 10)).toEqual([
    expect.not.objectContaining({ isRefused: expect.anything() as unknown }),
  ])
  const [end] = await events(cloud.a, 'CreateVaultReplica.end')
  expect(end).toMatchObject({
    stateChange: { current: { replicaKeys: 'simulated', replicaRegion: regionB, replicaStatus: 'CREATED' } },
  })
})

test('the destination says once for each reason why it takes no keys, and nothing of them', async () => {
  const { text, body } = await untilSent('linkBundle')
  const { bundle } = body
  const resigned = async (change: Partial<TransferBundle>): Promise<TransferBundle> => {
    const changed = { ...bundle, ...change }
    return { ...changed, signature: (await cloud.a.hsm.sign(unsignedBytes(changed))).toString('base64') }
  }
  const other = { ...bundle.context, epoch: `${bundle.context.epoch}x` }
  const refused: readonly [string, TransferBundle][] = [
    ['the signature of the bundle does not verify', { ...bundle, oaep: bundle.challenge }],
    ['its ephemeral key does not decrypt', await resigned({ oaep: bundle.challenge })],
    ['the bundle answers another challenge', await resigned({ challenge: 'another' })],
    ['the transport key was made for another transfer', await resigned({ context: other })],
    ['names another vault, tenancy or region', await resigned({ context: { ...other, destination: 'eu-other-1' } })],
    ['names another vault, tenancy or region', await resigned({ context: { ...other, tenancyId: 'another' } })],
  ]
  for (const [, wrong] of [...refused, ...refused])
    expect(await workInbox(cloud.b.runtime, [await signed(cloud.a, regionB, { ...body, bundle: wrong })])).toEqual([
      expect.objectContaining({ outcome: 'refused' }),
    ])
  const told = await reasonsIn(cloud.b)
  const wanted = [...new Set(refused.map(([reason]) => reason))]
  expect(told).toHaveLength(wanted.length)
  for (const reason of wanted)
    expect(told).toContainEqual(
      expect.objectContaining({ resourceId: vaultId, reason: expect.stringContaining(reason) as unknown }),
    )
  for (const secret of [bundle.oaep, bundle.challenge, bundle.kwp.hsmKek])
    expect(JSON.stringify(await events(cloud.b, 'RefuseVaultTransfer'))).not.toContain(secret)
  expect(await workInbox(cloud.b.runtime, [text])).toEqual([{ outcome: 'done' }])
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
})

test('a bundle that comes again where its keys are not is refused, and that is told', async () => {
  const { text } = await untilSent('linkBundle')
  const { tables } = cloud.b.store
  const [row] = (await tables.query('Replication', transportPk(vaultId), '', { limit: 10 })).items
  if (row === undefined) throw new Error('No transport key waits.')
  await tables.write([{ op: 'delete', table: 'Replication', pk: row.pk, sk: row.sk }])
  expect(await workInbox(cloud.b.runtime, [text])).toEqual([expect.objectContaining({ outcome: 'refused' })])
  expect(await reasonsIn(cloud.b)).toEqual([
    expect.objectContaining({ reason: `No transfer of ${vaultId} was offered.` }),
  ])
})

describe('an offer of more than a week ago', () => {
  const transportKeys = async () => {
    const { items } = await cloud.b.store.tables.query('Replication', transportPk(vaultId), '', { limit: 10 })
    return items.map(({ transport }) => transport as unknown as { readonly offer: { readonly transportKeyId: string } })
  }

  test('is not taken up: its transport key is dropped, a new one is offered, and the source that comes back is linked', async () => {
    const { text } = await untilSent('linkBundle')
    const [before] = await transportKeys()
    cloud.clock.now += 7 * day + 60_000
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect(await workInbox(cloud.b.runtime, [text])).toEqual([{ outcome: 'done' }])
    expect(await cloud.b.runtime.cache.freshVault(vaultId)).toBeUndefined()
    const [after, ...more] = await transportKeys()
    expect(more).toEqual([])
    expect(after?.offer.transportKeyId).not.toBe(before?.offer.transportKeyId)
    expect(await reasonsIn(cloud.b)).toEqual([
      expect.objectContaining({
        resourceId: vaultId,
        reason: expect.stringContaining('more than 7 days ago') as unknown,
      }),
    ])
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
    expect(await transportKeys()).toEqual([])
  })

  test('is taken up for as long as a week', async () => {
    const { text } = await untilSent('linkBundle')
    cloud.clock.now += 7 * day - 60_000
    await workInbox(cloud.b.runtime, [text])
    expect(await reasonsIn(cloud.b)).toEqual([])
    expect((await cloud.b.runtime.cache.freshVault(vaultId))?.row.id).toBe(vaultId)
  })

  test.each(['that was lost on its way', 'that lay in the queue'])(
    'is made anew when a source that was away asks again, for one %s',
    async (how) => {
      const { text } = await untilSent('linkOffer')
      cloud.clock.now += 30 * day
      if (how === 'that lay in the queue') await workOutcome(cloud.a.runtime, text)
      await reconcile(cloud.a.runtime)
      await cloud.settle()
      expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
      expect(await transportKeys()).toEqual([])
    },
  )

  test('of an older version, which did not store its time, is taken once and gives way when it is asked for again', async () => {
    const { text, body } = await untilSent('linkBundle')
    const { tables } = cloud.b.store
    const [row] = (await tables.query('Replication', transportPk(vaultId), '', { limit: 10 })).items
    if (row === undefined) throw new Error('No transport key waits.')
    const { madeAt, ...without } = row
    expect(madeAt).toEqual(expect.any(Number))
    await tables.write([{ op: 'put', table: 'Replication', item: without }])
    cloud.clock.now += 30 * day
    const request = { kind: 'linkRequest', vaultId, fence: body.fence, context: body.bundle.context } as const
    await workInbox(cloud.b.runtime, [await signed(cloud.a, regionB, request)])
    const [asked] = await transportKeys()
    expect(asked?.offer.transportKeyId).not.toBe(body.bundle.transportKeyId)
    await tables.write([{ op: 'put', table: 'Replication', item: without }])
    await workInbox(cloud.b.runtime, [text])
    expect((await cloud.b.runtime.cache.freshVault(vaultId))?.row.id).toBe(vaultId)
  })

  test('by a region that wants the tenancy’s backup keys is refused and told, and the next is answered', async () => {
    await wantBackupKeys(cloud.b.runtime, cloud.tenancyId)
    for (const text of await taken(cloud.a, 'inbox')) await workInbox(cloud.a.runtime, [text])
    const [bundle = ''] = await taken(cloud.b, 'inbox')
    cloud.clock.now += 8 * day
    expect(await workInbox(cloud.b.runtime, [bundle])).toEqual([{ outcome: 'done' }])
    expect(await storedBackupKeys(cloud.b.runtime, cloud.tenancyId)).toBeUndefined()
    expect(await reasonsIn(cloud.b)).toEqual([expect.objectContaining({ resourceId: cloud.tenancyId })])
    await wantBackupKeys(cloud.b.runtime, cloud.tenancyId)
    await cloud.settle()
    expect(await storedBackupKeys(cloud.b.runtime, cloud.tenancyId)).toBeDefined()
  })
})

test('a request that names another realm, and an offer for the backup keys that was altered, are told like others', async () => {
  const row = (await cloud.a.runtime.cache.freshVault(vaultId))?.row
  if (row === undefined) throw new Error('There is no vault.')
  const context = { ...transferContext(row, regionB), realm: 'oc2' }
  await workInbox(cloud.b.runtime, [
    await signed(cloud.a, regionB, { kind: 'linkRequest', vaultId, fence: 7, context }),
  ])
  expect(await reasonsIn(cloud.b)).toEqual([expect.objectContaining({ resourceId: vaultId, source: regionA })])
  await wantBackupKeys(cloud.b.runtime, cloud.tenancyId)
  const [text = ''] = await taken(cloud.a, 'inbox')
  const body = bodyOf(text) as BodyOf<'backupKeysOffer'>
  const offer = { ...body.offer, challenge: '' }
  await workInbox(cloud.a.runtime, [await signed(cloud.b, regionA, { kind: 'backupKeysOffer', offer })])
  expect(await reasonsIn(cloud.a)).toEqual([
    expect.objectContaining({ resourceId: cloud.tenancyId, destination: regionB }),
  ])
})

test('a refusal is of its own link, and no reason is too long for a table', async () => {
  const { runtime } = cloud.a
  const resource = { resourceId: vaultId, resourceName: 'v', compartmentId: cloud.tenancyId }
  const transfer = { tenancyId: cloud.tenancyId, ...resource, fence: 7, source: regionA, destination: regionB }
  await auditRefusal(runtime, transfer, 'x'.repeat(2_000))
  const links = [6, 7, 8].map((fence) => hasRefused(runtime, { id: vaultId, fence }))
  expect(await Promise.all(links)).toEqual([false, true, false])
  const { items } = await runtime.tables.query('Replication', `refused#${vaultId}`, '', { limit: 9 })
  expect(items.map(({ sk }) => sk.length)).toEqual([300])
})

test('of two requests at once one makes the transport key, and what waits is that one', async () => {
  const row = (await cloud.a.runtime.cache.freshVault(vaultId))?.row
  if (row === undefined) throw new Error('There is no vault.')
  const place = { pk: transportPk(vaultId), sk: 'both' }
  const asked = [1, 2].map(() => transportAt(cloud.b.runtime, place, transferContext(row, regionB), []))
  const made = (await Promise.all(asked)).flatMap((each) => each?.offer.transportKeyId ?? [])
  expect(made).toEqual([(await waitingTransport(cloud.b.runtime, place))?.key.offer.transportKeyId])
})
