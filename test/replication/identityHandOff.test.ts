import type { SQSEvent } from 'aws-lambda'
import { applyFunction } from '../../handlers/replicate/apply.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { makeCompartment } from '../harness/compartmentStory.ts'
import { ordinaryAdminPolicy } from '../harness/ordinaryAdminPolicy.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { regionB, twoRegions, type TestCloud, type TestRegion } from '../harness/twoRegions.ts'

/** Identity reaches every region's inbox before the answer: neither stream nor outbox runs in these tests. */

let cloud: TestCloud
afterEach(() => {
  cloud.close()
})

async function workInboxOf({ runtime, store }: TestRegion, limit = 100): Promise<void> {
  const messages = await store.queues.receive('inbox', limit, 2000)
  const Records = messages.map(({ id, body }) => ({
    messageId: id,
    body,
    attributes: { ApproximateReceiveCount: '1' },
  }))
  const { batchItemFailures } = await applyFunction(runtime)({ Records } as unknown as SQSEvent)
  expect(batchItemFailures).toEqual([])
  const ids = messages.map(({ id }) => id)
  await store.queues.delete('inbox', ids)
}

const policies = (region: TestRegion) =>
  cloud.call(region, 'GET', `/20160918/policies?compartmentId=${cloud.tenancyId}`)

const update = (id: string, ...statements: string[]) =>
  cloud.call(cloud.a, 'PUT', `/20160918/policies/${id}`, { statements })

const heads = () => Promise.all([cloud.a, cloud.b].map(({ runtime }) => headSeq(runtime, cloud.tenancyId)))

test('a right that was taken away is gone in the other region once its inbox is worked', async () => {
  cloud = await twoRegions()
  expect(await policies(cloud.b)).toMatchObject({ status: 200 })
  const id = await ordinaryAdminPolicy(cloud)
  expect(await update(id, 'Allow group Administrators to manage keys in tenancy')).toMatchObject({ status: 200 })
  expect(await policies(cloud.b)).toMatchObject({ status: 200 })
  await workInboxOf(cloud.b)
  expect(await policies(cloud.b)).toMatchObject({ status: 404 })
})

/** docs/security.md says so: a queue has no lanes, and only within a batch does identity go first. */
test('behind a backlog in that inbox it waits for it, and for nothing else', async () => {
  cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  const id = await ordinaryAdminPolicy(cloud)
  for (let count = 0; count < 15; count += 1) await makeKey(cloud, vaultId)
  expect(await update(id, 'Allow group Administrators to manage keys in tenancy')).toMatchObject({ status: 200 })
  await workInboxOf(cloud.b, 10)
  expect(await policies(cloud.b)).toMatchObject({ status: 200 })
  await workInboxOf(cloud.b, 10)
  expect(await policies(cloud.b)).toMatchObject({ status: 404 })
})

test('every change of identity goes that way', async () => {
  cloud = await twoRegions()
  const target = '/20160918/policies'
  const statements = ['Allow group Administrators to read keys in tenancy']
  const details = { compartmentId: cloud.tenancyId, name: 'p', description: 'd', statements }
  const { body } = await cloud.call(cloud.a, 'POST', target, details)
  const compartment = await makeCompartment(cloud, 'c')
  const steps = [
    () => cloud.call(cloud.a, 'PUT', `${target}/${String(body['id'])}`, { description: 'e' }),
    () => cloud.call(cloud.a, 'DELETE', `${target}/${String(body['id'])}`),
    () => cloud.call(cloud.a, 'PUT', `/20160918/compartments/${compartment}`, { name: 'd' }),
    () => cloud.call(cloud.a, 'DELETE', `/20160918/compartments/${compartment}`),
  ]
  for (const step of steps) {
    expect((await step()).status).toBeLessThan(300)
    await workInboxOf(cloud.b)
    const [there, here] = await heads()
    expect(here).toBe(there)
  }
})

test.each([
  [true, 503],
  [false, 200],
])(
  'where the other region cannot be reached, strict %s, the change answers %i and arrives later',
  async (isStrict, status) => {
    cloud = await twoRegions({ isStrict })
    const id = await ordinaryAdminPolicy(cloud)
    cloud.link.isUp = false
    const statement = 'Allow group Administrators to manage policies in tenancy'
    expect(await update(id, statement)).toMatchObject({ status })
    cloud.link.isUp = true
    await cloud.settle()
    expect((await policies(cloud.b)).list).toMatchObject([{ statements: [statement] }])
  },
)

test('a region that hangs holds the answer up no longer than the budget', async () => {
  cloud = await twoRegions()
  const id = await ordinaryAdminPolicy(cloud)
  cloud.link.isStuck = true
  expect(await update(id, 'Allow group Administrators to manage policies in tenancy')).toMatchObject({ status: 200 })
})

test('entries of one batch apply in their order, however they came', async () => {
  cloud = await twoRegions()
  const id = await ordinaryAdminPolicy(cloud)
  const before = cloud.link.sent.length
  await update(id, 'Allow group Administrators to manage policies in tenancy')
  // As if the replica had it already, so that the next message tells of the next entry alone.
  const [seq = 0] = await heads()
  const receipt = { pk: `identityReceipt#${cloud.tenancyId}`, sk: regionB, epoch: '', revision: seq }
  await cloud.a.runtime.tables.write([{ op: 'put', table: 'Replication', item: receipt }])
  await update(id, 'Allow group Administrators to manage all-resources in tenancy')
  const [first = '', second = ''] = cloud.link.sent.slice(before).map(({ body }) => body)
  expect((await heads())[1]).toBe(seq - 1)
  const delivered = await workInbox(cloud.b.runtime, [second, first])
  expect(delivered.map(({ outcome }) => outcome)).toEqual(['done', 'done'])
  expect((await heads())[1]).toBe(seq + 1)
})
