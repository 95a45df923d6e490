import type { SQSEvent } from 'aws-lambda'
import { applyFunction } from '../../handlers/replicate/apply.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { unsentPk } from '../../lib/kms/identity/identityLog.ts'
import { backupContext } from '../../lib/kms/backup/backupKeys.ts'
import { send } from '../../lib/replication/messages/send.ts'
import type { Body } from '../../lib/replication/messages/signedMessage.ts'
import { reconcileIdentity } from '../../lib/replication/tenancy/replicateIdentity.ts'
import { tablesWith } from '../../lib/tablesWith.ts'
import { taken } from '../harness/deliveries.ts'
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

test('an entry that comes while an earlier one is struck off is sent later', async () => {
  cloud = await twoRegions()
  const id = await ordinaryAdminPolicy(cloud)
  cloud.link.isUp = false
  const change = async (what: string) => {
    expect((await update(id, `Allow group Administrators to manage ${what} in tenancy`)).status).toBe(200)
  }
  await change('policies')
  const [seq = 0] = await heads()
  const { tables } = cloud.a.runtime
  const receipt = { pk: `identityReceipt#${cloud.tenancyId}`, sk: regionB, epoch: '', revision: seq }
  await tables.write([{ op: 'put', table: 'Replication', item: receipt }])
  let isChanged = false
  const write: typeof tables.write = async (writes, ...rest) => {
    if (!isChanged) {
      isChanged = true
      await change('all-resources')
    }
    return tables.write(writes, ...rest)
  }
  await reconcileIdentity({ ...cloud.a.runtime, tables: tablesWith(tables, { write }) })
  expect(isChanged).toBe(true)
  const unsent = await tables.query('Replication', unsentPk, '', { limit: 10 })
  expect(unsent.items).toMatchObject([{ sk: cloud.tenancyId, revision: seq + 1 }])
})

describe('from a region that is not home', () => {
  const sent = async (from: TestRegion, to: TestRegion, body: Body) => {
    await send(from.runtime, { region: to.hsm.region, queue: 'inbox', tenancyId: cloud.tenancyId }, body)
    const [text = ''] = (await taken(to, 'inbox')).slice(-1)
    return workInbox(to.runtime, [text])
  }
  const refused = (reason: string) => [
    {
      outcome: 'failed',
      cause: expect.objectContaining({ message: expect.stringContaining(reason) as unknown }) as unknown,
    },
  ]

  beforeEach(async () => {
    cloud = await twoRegions()
  })

  test('identity is refused, also what home itself has signed', async () => {
    const { items } = await cloud.a.store.tables.query('Identity', cloud.tenancyId, 'log#', { limit: 1 })
    const records = items.map((entry) => ({ format: 'vaultspan/identity-record/1', entry }) as const)
    expect(await sent(cloud.b, cloud.a, { kind: 'identity', records })).toEqual(refused('is not the home region'))
  })

  test('backup keys are neither taken nor given', async () => {
    const offering = cloud.b.hsm.region
    const context = { ...backupContext(cloud.tenancyId), source: cloud.a.hsm.region, destination: offering, epoch: '' }
    const { offer } = await cloud.b.hsm.createTransportKey(context)
    const wrapped = await cloud.a.hsm.createVaultKeys(backupContext(cloud.tenancyId))
    const bundle = await cloud.a.hsm.exportVaultKeys(context, wrapped, offer)
    expect(await sent(cloud.b, cloud.a, { kind: 'backupKeysBundle', bundle })).toEqual(
      refused('is not the home region'),
    )
    expect(await sent(cloud.a, cloud.b, { kind: 'backupKeysOffer', offer })).toEqual(
      refused('a region that is not home'),
    )
  })
})
