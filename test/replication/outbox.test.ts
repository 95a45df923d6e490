import type { SQSEvent } from 'aws-lambda'
import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import { listAtRisk } from '../../lib/replication/atRisk.ts'
import { fanOut } from '../../lib/replication/fanOut.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { workOutbox } from '../../lib/replication/outbox.ts'
import { parseTask, taskText, type Task } from '../../lib/replication/messages/task.ts'
import { taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

/** What the stream tells, where it goes when the peer is away, and what the outbox makes of it. */

const cloud = cloudOfEachTest()
let vaultId: string
let keyId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
  await cloud.settle()
})

const rename = (target: string, host?: string) =>
  cloud.call(cloud.a, 'PUT', `/20180608/${target}`, { displayName: 'renamed' }, host === undefined ? {} : { host })
const outbox = async (): Promise<readonly (Task | undefined)[]> => (await taken(cloud.a, 'outbox')).map(parseTask)
const atRisk = async () => (await listAtRisk(cloud.a.store.tables, regionB, 10)).items.map(({ sk }) => sk)
const inbox = () => taken(cloud.b, 'inbox')

test('a change that the peer cannot be given is listed as at risk, and one message of the outbox stands for all of them', async () => {
  await rename(`vaults/${vaultId}`)
  await rename(`keys/${keyId}`, vaultId)
  await inbox()
  expect(await atRisk()).toEqual([])
  cloud.link.isUp = false
  await fanOut(cloud.a.runtime, { kind: 'vault', vaultId })
  await fanOut(cloud.a.runtime, { kind: 'key', vaultId, keyId })
  const [drain, ...others] = await outbox()
  expect(others).toEqual([])
  expect((await atRisk()).toSorted()).toEqual([keyId, vaultId].toSorted())
  if (drain === undefined) throw new Error('There is no task.')
  await expect(workOutbox(cloud.a.runtime, drain)).rejects.toThrow('unreachable')
  cloud.link.isUp = true
  await workOutbox(cloud.a.runtime, drain)
  await cloud.settle()
  expect(await atRisk()).toEqual([])
  for (const [table, pk, sk] of [
    ['Vaults', vaultId, 'vault'],
    ['Keys', keyId, 'key'],
  ] as const)
    expect(await cloud.b.store.tables.get(table, pk, sk)).toMatchObject({ displayName: 'renamed' })
})

test('keys of one vault that wait go in one message, and a broken one keeps none of the others', async () => {
  cloud.link.isUp = false
  const made = [await makeKey(cloud, vaultId), await makeKey(cloud, vaultId), await makeKey(cloud, vaultId)]
  const [broken = '', ...sound] = made.map(({ body }) => String(body['id']))
  cloud.link.isUp = true
  const { tables } = cloud.a.store
  const stored = await tables.get('Keys', broken, 'key')
  await tables.write([{ op: 'put', table: 'Keys', item: { ...stored, pk: broken, sk: 'key', displayName: 'forged' } }])
  // One of them twice: it is sent once.
  const waiting = [broken, ...sound, ...sound.slice(0, 1)]
  const { batchItemFailures } = await fanOutFunction(cloud.a.runtime)({
    Records: waiting.map((id, index) => ({
      messageId: String(index),
      body: taskText({ task: 'resendKey', vaultId, keyId: id }),
      attributes: { ApproximateReceiveCount: '1' },
    })),
  } as unknown as SQSEvent)
  expect(batchItemFailures).toEqual([{ itemIdentifier: '0' }])
  const bodies = (await inbox()).map((text) => JSON.parse((JSON.parse(text) as { body: string }).body) as unknown)
  expect(bodies).toMatchObject([{ kind: 'records', records: sound.map((id) => ({ key: { id } })) }])
})

test('what 0.1.0 left in the outbox for a peer waits on in its lane', async () => {
  cloud.link.isUp = false
  const { body } = await makeKey(cloud, vaultId)
  const newKey = String(body['id'])
  const left: readonly Task[] = [
    { task: 'resendKey', vaultId, keyId: newKey },
    { task: 'resendVault', vaultId },
    { task: 'resendIdentity', tenancyId: cloud.tenancyId, peer: regionB },
    { task: 'forward', to: regionB, queue: 'inbox', envelope: 'kept' },
  ]
  const event = {
    Records: left.map((task, index) => ({
      body: taskText(task),
      messageId: String(index),
      attributes: { ApproximateReceiveCount: '1' },
    })),
  } as unknown as SQSEvent
  expect(await fanOutFunction(cloud.a.runtime)(event)).toEqual({ batchItemFailures: [] })
  const [drain, ...others] = await outbox()
  expect([drain, others]).toMatchObject([{ task: 'drain', peer: regionB }, []])
  cloud.link.isUp = true
  if (drain !== undefined) await workOutbox(cloud.a.runtime, drain)
  expect(await inbox()).toEqual(expect.arrayContaining(['kept', expect.stringContaining(newKey)]))
})

test('what has its receipt is not sent again', async () => {
  await fanOut(cloud.a.runtime, { kind: 'vault', vaultId })
  await fanOut(cloud.a.runtime, { kind: 'key', vaultId, keyId })
  await workOutbox(cloud.a.runtime, { task: 'resendVault', vaultId })
  expect(await inbox()).toEqual([])
})

test('a replica sends nothing on, and nothing is sent of what is not there or has no replica', async () => {
  await rename(`vaults/${vaultId}`)
  await cloud.settle(1)
  const alone = await makeVault(cloud)
  const kinds = (id: string) =>
    [
      { kind: 'vault', vaultId: id },
      { kind: 'key', vaultId: id, keyId },
    ] as const
  await taken(cloud.a, 'outcome')
  for (const changed of kinds(vaultId)) await fanOut(cloud.b.runtime, changed)
  for (const changed of [...kinds(alone), ...kinds('gone')]) await fanOut(cloud.a.runtime, changed)
  await fanOut(cloud.a.runtime, { kind: 'key', vaultId, keyId: 'gone' })
  for (const id of [alone, 'gone']) await workOutbox(cloud.a.runtime, { task: 'resendVault', vaultId: id })
  await workOutbox(cloud.b.runtime, { task: 'resendVault', vaultId })
  expect([await taken(cloud.a, 'inbox'), await outbox(), await taken(cloud.b, 'outbox')]).toEqual([[], [], []])
})

test('a row that does not verify is not taken for a peer that is away', async () => {
  const { tables } = cloud.a.store
  const stored = await tables.get('Keys', keyId, 'key')
  await tables.write([{ op: 'put', table: 'Keys', item: { ...stored, pk: keyId, sk: 'key', displayName: 'forged' } }])
  const integrity = expect.objectContaining({ code: 'integrityFailure' }) as Error
  await expect(fanOut(cloud.a.runtime, { kind: 'key', vaultId, keyId })).rejects.toThrow(integrity)
  expect(await outbox()).toEqual([])
})

test('identity that a peer cannot be given waits for that peer; only the home region sends it', async () => {
  const { tenancyId } = cloud
  cloud.link.isUp = false
  await cloud.call(cloud.a, 'POST', '/20160918/policies', {
    compartmentId: tenancyId,
    name: 'p',
    description: 'd',
    statements: ['Allow group Administrators to read keys in tenancy'],
  })
  await taken(cloud.a, 'outbox')
  await fanOut(cloud.a.runtime, { kind: 'identity', tenancyId })
  const [drain] = await outbox()
  expect(drain).toMatchObject({ task: 'drain', peer: regionB })
  cloud.link.isUp = true
  await fanOut(cloud.b.runtime, { kind: 'identity', tenancyId })
  expect([await taken(cloud.a, 'inbox'), await inbox()]).toEqual([[], []])
  if (drain !== undefined) await workOutbox(cloud.a.runtime, drain)
  expect(await inbox()).toHaveLength(1)
})

describe('a wrapping key that is prepared', () => {
  const prepares = () => ({ ...cloud.a.runtime, preparesKeys: true })
  const wrappingKeyTasks = async () =>
    (await taken(cloud.a, 'outcome')).filter((text) => parseTask(text)?.task === 'makeWrappingKey')

  test('is left for the outcome queue by an active vault that has none, and made there', async () => {
    await fanOut(prepares(), { kind: 'vault', vaultId })
    const [task] = await wrappingKeyTasks()
    if (task === undefined) throw new Error('There is no task.')
    expect(parseTask(task)).toMatchObject({ vaultId })
    await workOutcome(prepares(), task)
    expect(await cloud.a.store.tables.get('Vaults', vaultId, 'wrappingKey')).toBeDefined()
    await fanOut(prepares(), { kind: 'vault', vaultId })
    expect(await wrappingKeyTasks()).toEqual([])
  })

  test('that an earlier version left in the outbox goes there', async () => {
    await workOutbox(prepares(), { task: 'makeWrappingKey', vaultId })
    expect(await cloud.a.store.tables.get('Vaults', vaultId, 'wrappingKey')).toBeUndefined()
    expect(await wrappingKeyTasks()).toHaveLength(1)
  })

  test('is not, where keys are not prepared, in a replica, or in a vault that is going', async () => {
    await fanOut(cloud.a.runtime, { kind: 'vault', vaultId })
    await fanOut({ ...cloud.b.runtime, preparesKeys: true }, { kind: 'vault', vaultId })
    await workOutcome(cloud.b.runtime, taskText({ task: 'makeWrappingKey', vaultId }))
    const timeOfDeletion = new Date(cloud.clock.now + 8 * 86_400_000).toISOString()
    await cloud.call(cloud.a, 'POST', `/20180608/vaults/${vaultId}/actions/scheduleDeletion`, { timeOfDeletion })
    await fanOut(prepares(), { kind: 'vault', vaultId })
    await workOutcome(prepares(), taskText({ task: 'makeWrappingKey', vaultId }))
    expect([await wrappingKeyTasks(), await taken(cloud.b, 'outcome')]).toEqual([[], []])
    for (const { store } of [cloud.a, cloud.b])
      expect(await store.tables.get('Vaults', vaultId, 'wrappingKey')).toBeUndefined()
  })
})

test('a task of another queue fails', async () => {
  const task = { task: 'copy', vaultId, fence: 1, leaf: 0, after: null } as const
  await expect(workOutbox(cloud.a.runtime, task)).rejects.toThrow('does not belong in the outbox')
})
