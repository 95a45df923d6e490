import { firstContained } from '../../lib/kms/identity/compartmentContents.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB, type TestRegion } from '../harness/twoRegions.ts'
import {
  compartmentState,
  deleteCompartment,
  makeCompartment,
  makeKeyIn,
  makePolicyIn,
  makeVaultIn,
  vaultIn,
} from '../harness/compartmentStory.ts'
import { allowReplication } from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()
let compartmentId: string
beforeEach(async () => {
  compartmentId = await makeCompartment(cloud, 'team')
  await cloud.settle()
})

async function auditedEnds(): Promise<readonly unknown[]> {
  const range = 'startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z'
  const target = `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&${range}`
  const { list } = await cloud.call(cloud.a, 'GET', target)
  const ends = list.filter(({ eventType }) => String(eventType).endsWith('DeleteCompartment.end'))
  return ends.map(({ data }) => (data as { stateChange: { current: unknown } }).stateChange.current)
}

describe('an empty compartment', () => {
  test('is DELETING at once and DELETED in both regions when both found it empty', async () => {
    const { status, headers } = await deleteCompartment(cloud, compartmentId)
    expect([status, headers['opc-work-request-id']]).toEqual([
      202,
      expect.stringMatching(/^ocid1\.workrequest\.oc1\.\.[a-z2-7]{60}$/),
    ])
    expect(await compartmentState(cloud, cloud.a, compartmentId)).toBe('DELETING')
    await cloud.settle()
    expect([
      await compartmentState(cloud, cloud.a, compartmentId),
      await compartmentState(cloud, cloud.b, compartmentId),
    ]).toEqual(['DELETED', 'DELETED'])
    expect(await auditedEnds()).toEqual([{ lifecycleState: 'DELETED' }])
    expect(
      (await cloud.a.store.tables.query('Replication', `deletion#${compartmentId}`, '', { limit: 10 })).items,
    ).toEqual([])
  })

  test('is deleted where the home region is the only one', async () => {
    Object.assign(cloud.a.runtime, { regions: [regionA] })
    await deleteCompartment(cloud, compartmentId)
    await cloud.settle()
    expect(await compartmentState(cloud, cloud.a, compartmentId)).toBe('DELETED')
  })

  test('takes nothing in, in either region, while it is DELETING and when it is DELETED', async () => {
    const vaults = {
      a: await vaultIn(cloud, cloud.a, cloud.tenancyId),
      b: await vaultIn(cloud, cloud.b, cloud.tenancyId),
    }
    await deleteCompartment(cloud, compartmentId)
    const refusal = (code: string, state: string) => ({
      status: 409,
      body: { code, message: expect.stringContaining(state) as unknown },
    })
    const creationsAt = (region: TestRegion, vaultId: string) =>
      Promise.all([makeVaultIn(cloud, region, compartmentId), makeKeyIn(cloud, region, vaultId, compartmentId)])
    for (const refused of await creationsAt(cloud.a, vaults.a)) {
      expect(refused).toMatchObject(refusal('IncorrectState', 'DELETING'))
    }
    await cloud.settle()
    for (const refused of [...(await creationsAt(cloud.a, vaults.a)), ...(await creationsAt(cloud.b, vaults.b))]) {
      expect(refused).toMatchObject(refusal('Conflict', 'DELETED'))
    }
  })

  test('waits for a region that cannot be reached', async () => {
    cloud.link.isUp = false
    await deleteCompartment(cloud, compartmentId)
    await cloud.settle(5)
    expect(await compartmentState(cloud, cloud.a, compartmentId)).toBe('DELETING')
    cloud.link.isUp = true
    await cloud.settle()
    expect([
      await compartmentState(cloud, cloud.a, compartmentId),
      await compartmentState(cloud, cloud.b, compartmentId),
    ]).toEqual(['DELETED', 'DELETED'])
  })

  test('whose vote was lost is deleted when it is asked for again, by the same work request', async () => {
    const first = await deleteCompartment(cloud, compartmentId)
    await cloud.settle(1)
    const lost = await cloud.a.store.queues.receive('outcome', 10)
    expect(lost.some(({ body }) => body.includes('compartmentVote'))).toBe(true)
    await cloud.a.store.queues.delete(
      'outcome',
      lost.map(({ id }) => id),
    )
    await cloud.settle()
    expect(await compartmentState(cloud, cloud.a, compartmentId)).toBe('DELETING')
    const second = await deleteCompartment(cloud, compartmentId)
    expect(second.headers['opc-work-request-id']).toBe(first.headers['opc-work-request-id'])
    await cloud.settle()
    expect(await compartmentState(cloud, cloud.b, compartmentId)).toBe('DELETED')
  })

  test('is deleted although every message comes twice, late', async () => {
    await deleteCompartment(cloud, compartmentId)
    await cloud.settle()
    const head = () => cloud.a.store.tables.get('Identity', cloud.tenancyId, 'head')
    const before = await head()
    for (const { to, queue, body } of [...cloud.link.sent]) {
      await (to === regionA ? cloud.a : cloud.b).store.queues.send(queue, [{ body }])
    }
    await cloud.settle()
    expect(await head()).toEqual(before)
    expect(await compartmentState(cloud, cloud.a, compartmentId)).toBe('DELETED')
  })
})

test.each(['before', 'after'] as const)(
  'a deletion ends whichever single write or message fails, %s it took effect',
  async (moment) => {
    const steps = { left: Infinity }
    const failing = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => {
      return async (...args: A): Promise<R> => {
        steps.left -= 1
        if (steps.left === 0 && moment === 'before') throw new Error('killed')
        const done = await act(...args)
        if (steps.left === 0) throw new Error('killed')
        return done
      }
    }
    for (const { store, runtime } of [cloud.a, cloud.b]) {
      store.tables.write = failing(store.tables.write.bind(store.tables))
      runtime.queues.send = failing(runtime.queues.send.bind(runtime.queues))
    }
    for (let step = 1; ; step += 1) {
      const id = await makeCompartment(cloud, `step ${step}`)
      await deleteCompartment(cloud, id)
      steps.left = step
      await cloud.settle()
      const hasFailed = steps.left <= 0
      steps.left = Infinity
      expect([step, await compartmentState(cloud, cloud.a, id), await compartmentState(cloud, cloud.b, id)]).toEqual([
        step,
        'DELETED',
        'DELETED',
      ])
      if (hasFailed) continue
      expect(step).toBeGreaterThan(5)
      break
    }
  },
)

describe('a compartment with something in it', () => {
  test.each([
    ['a vault', () => vaultIn(cloud, cloud.a, compartmentId)],
    [
      'a key of a vault elsewhere',
      async () =>
        String(
          (await makeKeyIn(cloud, cloud.a, await vaultIn(cloud, cloud.a, cloud.tenancyId), compartmentId)).body['id'],
        ),
    ],
    ['a policy', async () => String((await makePolicyIn(cloud, compartmentId)).body['id'])],
    ['a compartment', () => makeCompartment(cloud, 'child', compartmentId)],
  ])('that the home region sees is refused at once: %s', async (_what, make) => {
    const id = await make()
    expect(await deleteCompartment(cloud, compartmentId)).toMatchObject({
      status: 409,
      body: { code: 'Conflict', message: expect.stringContaining(id) as unknown },
    })
    expect(await compartmentState(cloud, cloud.a, compartmentId)).toBe('ACTIVE')
  })

  test('in another region is ACTIVE again, there too, and can be used and deleted later', async () => {
    await vaultIn(cloud, cloud.b, compartmentId)
    expect((await deleteCompartment(cloud, compartmentId)).status).toBe(202)
    await cloud.settle()
    expect([
      await compartmentState(cloud, cloud.a, compartmentId),
      await compartmentState(cloud, cloud.b, compartmentId),
    ]).toEqual(['ACTIVE', 'ACTIVE'])
    expect(await auditedEnds()).toEqual([{ lifecycleState: 'ACTIVE', notEmptyIn: regionB }])
    expect(await makeVaultIn(cloud, cloud.b, compartmentId)).toMatchObject({ status: 200 })
  })

  test('that came before the other region knew of the deletion is ACTIVE again', async () => {
    cloud.link.isUp = false
    await deleteCompartment(cloud, compartmentId)
    expect(await makeVaultIn(cloud, cloud.b, compartmentId)).toMatchObject({ status: 200 })
    cloud.link.isUp = true
    await cloud.settle()
    expect([
      await compartmentState(cloud, cloud.a, compartmentId),
      await compartmentState(cloud, cloud.b, compartmentId),
    ]).toEqual(['ACTIVE', 'ACTIVE'])
  })

  test('a replica’s key counts in the region of the replica', async () => {
    await allowReplication(cloud)
    await cloud.settle()
    const vaultId = await vaultIn(cloud, cloud.b, cloud.tenancyId)
    const replica = { replicaRegion: regionA }
    await cloud.call(cloud.b, 'POST', `/20180608/vaults/${vaultId}/actions/createReplica`, replica)
    await cloud.settle()
    const { body: key } = await makeKeyIn(cloud, cloud.b, vaultId, compartmentId)
    await cloud.settle()
    expect(await firstContained(cloud.a.store, compartmentId)).toBe(key['id'])
    const refusal = {
      status: 409,
      body: { code: 'Conflict', message: expect.stringContaining(String(key['id'])) as unknown },
    }
    expect(await deleteCompartment(cloud, compartmentId)).toMatchObject(refusal)
  })

  test('a replica’s vault counts, until the replica is deleted', async () => {
    await allowReplication(cloud)
    const vaultId = await vaultIn(cloud, cloud.a, compartmentId)
    const action = (name: string) =>
      cloud.call(cloud.a, 'POST', `/20180608/vaults/${vaultId}/actions/${name}`, { replicaRegion: regionB })
    await action('createReplica')
    await cloud.settle()
    expect(await firstContained(cloud.b.store, compartmentId)).toBe(vaultId)
    await action('deleteReplica')
    await cloud.settle()
    expect(await firstContained(cloud.b.store, compartmentId)).toBeUndefined()
  })
})
