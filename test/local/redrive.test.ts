import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import { deadChanges, buryChange } from '../../lib/replication/deadChanges.ts'
import { redriveChanges } from '../../lib/replication/redriveChanges.ts'
import { deadMessages } from '../../local/region/deadMessages.ts'
import { regionHost } from '../../local/region/regionHost.ts'
import { deadLetterPlaces, listDead, redrive, redriveCommand } from '../../local/region/redrive.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { regionA, twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { run } from './startedService.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

describe('a change that was given up', () => {
  let cloud: TestCloud
  beforeEach(async () => {
    cloud = await twoRegions()
  })
  afterEach(() => {
    cloud.close()
  })

  test.each([
    ['named by its row', (keyId: string) => ({ table: 'Keys', pk: keyId, sk: 'key' })],
    ['named by what it is', (keyId: string, vaultId: string) => ({ kind: 'key', vaultId, keyId })],
  ] as const)('arrives once it is redriven, %s', async (_, name) => {
    const vaultId = await makeReplicatedVault(cloud)
    cloud.link.isUp = false
    const keyId = String((await makeKey(cloud, vaultId)).body['id'])
    const { tables } = cloud.a.store
    await tables.trimChanges((await tables.readChanges(0, 1000)).at(-1)?.seq ?? 0)
    await buryChange(tables, '1', name(keyId, vaultId), 'broken')
    cloud.link.isUp = true
    await cloud.settle()
    const there = () => cloud.call(cloud.b, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId })
    expect((await there()).status).toBe(404)
    await fanOutFunction(cloud.a.runtime)({ redrive: 'stream' })
    await cloud.settle()
    expect((await there()).status).toBe(200)
    expect(await deadChanges(tables, 10)).toEqual([])
  })

  test('is not forgotten where the outbox cannot take it', async () => {
    await buryChange(cloud.a.store.tables, '1', { table: 'Vaults', pk: 'v', sk: 'vault' }, 'broken')
    const queues = { send: () => Promise.reject(new Error('full')) }
    await expect(redriveChanges({ ...cloud.a.runtime, queues }, 10)).rejects.toThrow('full')
    expect(await deadChanges(cloud.a.store.tables, 10)).toHaveLength(1)
  })
})

describe('RedriveReplication', () => {
  const target = '/20180608/replicaOperations/actions/redrive'

  test('has the caller’s own tenancy’s changes and messages worked again, and leaves the others’', async () => {
    const cloud = await twoRegions()
    const other = await cloud.addTenancy()
    const { tables, queues } = cloud.a.store
    const vaultId = await makeReplicatedVault(cloud)
    await cloud.settle()
    const named = { 'of a row': { table: 'Vaults', pk: vaultId, sk: 'vault' }, 'by name': { kind: 'vault', vaultId } }
    for (const [name, change] of Object.entries(named)) await buryChange(tables, name, change, 'broken')
    await buryChange(tables, 'of nobody', { table: 'Vaults', pk: 'none', sk: 'vault' }, 'broken')
    await buryChange(tables, 'of another', { kind: 'identity', tenancyId: other.tenancyId }, 'broken')
    const tasks = [`"task":"resendVault","vaultId":"${vaultId}"`, `"task":"resendIdentity","tenancyId":"other"`]
    await queues.send(
      'outbox',
      tasks.map((task) => ({ body: `{"format":"vaultspan/task/1",${task}}` })),
    )
    for (const { id } of await queues.receive('outbox', 10)) await queues.deadLetter('outbox', id, 'failed')
    const region = { ...cloud.a, runtime: { ...cloud.a.runtime, deadMessages: deadMessages(cloud.a.store) } }
    const { status, body } = await cloud.call(region, 'POST', target)
    expect({ status, body }).toEqual({ status: 200, body: { changes: 2, messages: 1 } })
    expect((await deadChanges(tables, 10)).map(({ sk }) => sk)).toEqual(['of another', 'of nobody'])
    expect((await queues.deadLetters('outbox', 10)).map(({ body: text }) => text)).toEqual([
      expect.stringContaining('"other"') as unknown,
    ])
    expect((await other.call(region, 'POST', target)).body).toEqual({ changes: 1, messages: 0 })
    cloud.close()
  })

  test('on AWS has the changes worked again; the queues have a redrive of their own', async () => {
    const cloud = await twoRegions()
    expect((await cloud.call(cloud.a, 'POST', target)).body).toEqual({ changes: 0, messages: 0 })
    cloud.close()
  })
})

test('a message that was given up is listed with its kind and reason, and comes again as if it were new', async () => {
  const { a, close } = await twoRegions()
  const region = { name: regionA, ...a }
  const body = '{"format":"vaultspan/task/1","task":"resendVault","vaultId":"v"}'
  await a.store.queues.send('outbox', [{ body }])
  for (const { id } of await a.store.queues.receive('outbox', 10))
    await a.store.queues.deadLetter('outbox', id, 'failed 5 times')
  expect(await listDead(region, deadLetterPlaces)).toEqual([
    {
      region: regionA,
      queue: 'outbox',
      what: expect.stringContaining('resendVault') as unknown,
      reason: 'failed 5 times',
    },
  ])
  expect(await redrive(region, ['inbox', 'stream'])).toBe(0)
  expect(await redrive(region, ['outbox'])).toBe(1)
  expect(await a.store.queues.receive('outbox', 10)).toMatchObject([{ body, receiveCount: 1 }])
  close()
})

describe('npm run redrive', () => {
  let directory: string
  let cloud: Cloud
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vaultspan-redrive-'))
    cloud = await startCloud({ directory, port: 0 })
  })
  afterEach(async () => {
    await cloud.close()
    rmSync(directory, { recursive: true, force: true })
  })

  function home() {
    const [region] = cloud.parts
    if (region === undefined) throw new Error('A cloud has a region.')
    return region
  }

  test('lists what is dead with its reason, and has it worked again', async () => {
    await buryChange(home().store.tables, '1', { table: 'Vaults', pk: 'v', sk: 'vault' }, 'does not verify')
    const cli = (...words: readonly string[]) => run('local/main.ts', ['redrive', '--data', directory, ...words])
    const listed = await cli('list')
    expect(listed.out).toContain('stream: {"pk":"v","sk":"vault","table":"Vaults"}: "does not verify"')
    expect(await cli('--queue', 'stream', '--region', home().name)).toEqual({ code: 0, out: '1 redriven\n', err: '' })
    expect(await cli('--queue', 'nowhere')).toMatchObject({ code: 1, out: '' })
    await cloud.idle()
    expect(await listDead(home(), ['stream'])).toEqual([])
    expect(await redriveCommand(cloud.parts.map(regionHost), ['redrive'])).toMatch(/redriven$/)
  })
})
