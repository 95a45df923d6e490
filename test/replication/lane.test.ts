import type { SQSEvent } from 'aws-lambda'
import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import { KmsError } from '../../lib/errors.ts'
import type { Queues } from '../../lib/ports.ts'
import { listAtRisk } from '../../lib/replication/atRisk.ts'
import { park, parkedPk, type Parked } from '../../lib/replication/lane/parked.ts'
import { callDrain, lanePk } from '../../lib/replication/lane/peerLane.ts'
import { parseTask, taskText, type Task } from '../../lib/replication/messages/task.ts'
import { workOutbox } from '../../lib/replication/outbox.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { bodyOf, taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** What waits for a peer that cannot be reached: how it is tried, and how it goes over once the peer is back. */

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

const regionC = 'eu-frankfurt-1'
const message = (envelope: string): Parked => ({ kind: 'message', queue: 'inbox', envelope })
const outbox = async (): Promise<readonly (Task | undefined)[]> => (await taken(cloud.a, 'outbox')).map(parseTask)
const drainTask = async (): Promise<Task> => {
  // Whoever holds it has given it back by then.
  cloud.clock.now += 5_000
  const [task, ...others] = await outbox()
  expect(others).toEqual([])
  if (task?.task !== 'drain') throw new Error('There is no drain in the outbox.')
  return task
}
const atRisk = async () => (await listAtRisk(cloud.a.store.tables, regionB, 1000)).items.length
const rowsOf = async (pk: string) => (await cloud.a.store.tables.query('Replication', pk, '', { limit: 100 })).items

/** A's runtime, with what it sends to other regions in the test's hands. */
function sending(send: (to: string, bodies: readonly string[]) => Promise<void>): Runtime {
  const queues: Queues = {
    send: async (to, messages) => {
      if (to.region === regionA) return cloud.a.runtime.queues.send(to, messages)
      await send(
        to.region,
        messages.map(({ body }) => body),
      )
    },
  }
  return { ...cloud.a.runtime, queues }
}
const away = (to: string) => Promise.reject(new Error(`${to} is unreachable`))

/** Into the peer's inbox, past the link. */
const over = (bodies: readonly string[]) =>
  cloud.b.store.queues.send(
    'inbox',
    bodies.map((body) => ({ body })),
  )

/** The link is up again; without a comparison of the regions everything comes over. */
async function expectAllOver(): Promise<void> {
  cloud.link.isUp = true
  await cloud.settle()
  expect(await storedRows(cloud.b, vaultId)).toEqual(await storedRows(cloud.a, vaultId))
  expect([await atRisk(), await rowsOf(lanePk(regionB))]).toEqual([0, []])
}

async function makeKeysInTheCut(count: number): Promise<void> {
  cloud.link.isUp = false
  for (let made = 0; made < count; made += 1) await makeKey(cloud, vaultId)
  await cloud.settle(8)
}

test('however much waits for a peer, one message of the outbox stands for it, and each try sends one thing', async () => {
  await makeKeysInTheCut(12)
  expect(await atRisk()).toBe(12)
  const drain = await drainTask()
  const tries: (readonly string[])[] = []
  const inTheCut = sending((to, bodies) => {
    tries.push(bodies)
    return away(to)
  })
  for (let attempt = 0; attempt < 3; attempt += 1)
    await expect(workOutbox(inTheCut, drain)).rejects.toThrow('unreachable')
  expect(tries.map((bodies) => bodies.length)).toEqual([1, 1, 1])
  expect(tries.flat().map(bodyOf)).toMatchObject(tries.map(() => ({ kind: 'records', records: [{}] })))
  expect(await outbox()).toEqual([])
})

test('after the cut everything goes over in few messages, several of them at once', async () => {
  await makeKeysInTheCut(120)
  const drain = await drainTask()
  const requests: (readonly string[])[] = []
  const seen = sending(async (_, bodies) => {
    requests.push(bodies)
    await over(bodies)
  })
  await workOutbox(seen, drain)
  const records = requests.flat().map((text) => {
    const body = bodyOf(text)
    return body.kind === 'records' ? body.records.length : 0
  })
  // The try, and two pages of a hundred marks.
  expect([requests.length, records.reduce((sum, each) => sum + each)]).toEqual([3, 121])
  expect(records.length).toBeLessThan(12)
  await expectAllOver()
})

test('a peer that is lost again while it is brought up to date is tried again from the start', async () => {
  await makeKeysInTheCut(3)
  const drain = await drainTask()
  let sends = 0
  const lostAgain = sending(async (to, bodies) => {
    sends += 1
    await (sends === 1 ? over(bodies) : away(to))
  })
  await workOutbox(lostAgain, drain)
  expect(await rowsOf(lanePk(regionB))).toHaveLength(1)
  await expectAllOver()
})

test('a change that comes when the drain has read what there was is brought over too', async () => {
  await makeKeysInTheCut(3)
  const drain = await drainTask()
  let sends = 0
  const lateChange = sending(async (_, bodies) => {
    sends += 1
    await over(bodies)
    // The first is the try; the second is all that there was. The link is still down for everybody else.
    if (sends !== 2) return
    await makeKey(cloud, vaultId)
    await cloud.settle(4)
  })
  await workOutbox(lateChange, drain)
  await expectAllOver()
})

test('a peer that is away holds up no other', async () => {
  await park(cloud.a.runtime, regionC, message('for C'))
  await park(cloud.a.runtime, regionB, message('for B'))
  const tasks = await outbox()
  expect(tasks).toMatchObject([{ peer: regionC }, { peer: regionB }])
  const event = {
    Records: tasks.flatMap((task, index) =>
      task === undefined
        ? []
        : [{ messageId: String(index), body: taskText(task), attributes: { ApproximateReceiveCount: '1' } }],
    ),
  } as unknown as SQSEvent
  const arrived: string[] = []
  const runtime = sending(async (to, bodies) => {
    if (to === regionC) return away(to)
    arrived.push(...bodies)
  })
  expect(await fanOutFunction(runtime)(event)).toEqual({ batchItemFailures: [{ itemIdentifier: '0' }] })
  expect(arrived).toEqual(['for B'])
  expect([await rowsOf(parkedPk(regionB)), await rowsOf(parkedPk(regionC))]).toMatchObject([[], [{}]])
})

test('a message that the peer refuses stays, and keeps none of the others', async () => {
  for (const envelope of ['one', 'refused', 'other']) await park(cloud.a.runtime, regionB, message(envelope))
  const drain = await drainTask()
  const arrived: string[] = []
  const refusing = sending(async (_, bodies) => {
    if (bodies.includes('refused')) throw new KmsError('invalidParameter', 'No.')
    arrived.push(...bodies)
  })
  await workOutbox(refusing, drain)
  expect(arrived.toSorted()).toEqual(['one', 'other'])
  expect(await rowsOf(parkedPk(regionB))).toMatchObject([{ parked: { envelope: 'refused' } }])
  // Reconciliation has it tried again.
  await reconcile(cloud.a.runtime)
  expect(await drainTask()).toMatchObject({ peer: regionB })
})

test('what takes the place of a waiting message while that is sent is not lost with it', async () => {
  await park(cloud.a.runtime, regionB, message('old'), 'purge#v')
  const drain = await drainTask()
  const meanwhile = sending(async () => park(cloud.a.runtime, regionB, message('new'), 'purge#v'))
  await workOutbox(meanwhile, drain)
  expect(await rowsOf(parkedPk(regionB))).toMatchObject([{ parked: { envelope: 'new' } }])
  expect(await drainTask()).toMatchObject({ peer: regionB })
})

test('a message of the outbox that another has taken the place of ends without a try', async () => {
  await park(cloud.a.runtime, regionB, message('waits'))
  const lane = await drainTask()
  if (lane.task !== 'drain') throw new Error('There is no drain.')
  const runtime = sending(async () => {
    throw new Error('It was tried.')
  })
  await workOutbox(runtime, { ...lane, drain: 'another' })
  await expect(workOutbox(runtime, lane)).rejects.toThrow('It was tried.')
})

test('a message of the outbox that was lost is missed, and another takes its place', async () => {
  await park(cloud.a.runtime, regionB, message('waits'))
  await outbox()
  await reconcile(cloud.a.runtime)
  expect(await outbox()).toEqual([])
  cloud.clock.now += 6 * 60_000
  await reconcile(cloud.a.runtime)
  await workOutbox(cloud.a.runtime, await drainTask())
  expect(await taken(cloud.b, 'inbox')).toContain('waits')
})

test('a lane whose message the outbox did not take is none', async () => {
  const failing: Runtime = { ...cloud.a.runtime, queues: { send: () => Promise.reject(new Error('throttled')) } }
  await expect(callDrain(failing, regionB)).rejects.toThrow('throttled')
  await callDrain(cloud.a.runtime, regionB)
  expect(await drainTask()).toMatchObject({ peer: regionB })
})

test('a drain that takes long goes on in another message where it stood', async () => {
  await makeKeysInTheCut(120)
  const drain = await drainTask()
  const sent: string[] = []
  let comparisons = 0
  const slow = {
    ...sending(async (_, bodies) => {
      for (const text of bodies) {
        const body = bodyOf(text)
        if (body.kind === 'compare') comparisons += 1
        if (body.kind !== 'records') continue
        sent.push(...body.records.map((record) => String('key' in record && record.key['id'])))
      }
    }),
    clock: () => (cloud.clock.now += 3_000),
  }
  await workOutbox(slow, drain)
  // The try, and one page.
  expect(sent).toHaveLength(101)
  // A comparison would find, and send, all that the drain has yet to send.
  await reconcile(slow)
  expect(comparisons).toBe(0)
  await workOutbox(slow, await drainTask())
  expect([sent.length, new Set(sent).size, await outbox()]).toEqual([121, 120, []])
  await reconcile(slow)
  expect(comparisons).toBe(1)
})
