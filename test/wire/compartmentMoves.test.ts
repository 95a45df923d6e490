import { deleteCompartment, makeCompartment, makeKeyIn, makeVaultIn, vaultIn } from '../harness/compartmentStory.ts'
import { addUser } from '../harness/addUser.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered } from '../harness/twoRegions.ts'

/** Compartments that go to another parent, come back from the dead, and what GetWorkRequest says of it. */

const cloud = cloudOfEachTest()

const target = '/20160918/compartments'
const move = (id: string, targetCompartmentId: string, call = cloud.call, headers = {}) =>
  call(cloud.a, 'POST', `${target}/${id}/actions/moveCompartment`, { targetCompartmentId }, { headers })
const recover = (id: string) => cloud.call(cloud.a, 'POST', `${target}/${id}/actions/recoverCompartment`)
const compartment = (id: string, region = cloud.a) => cloud.call(region, 'GET', `${target}/${id}`)
const workRequest = (id: unknown, more = '') =>
  cloud.call(cloud.a, 'GET', `/20160918/workRequests/${String(id)}${more}`)
const workOf = ({ headers }: Answered) => headers['opc-work-request-id']
const refused = (status: number, code: string) => ({ status, body: { code } })

async function gone(name: string, parent?: string): Promise<string> {
  const id = await makeCompartment(cloud, name, parent)
  await deleteCompartment(cloud, id)
  await cloud.settle()
  return id
}

describe('a compartment that moves', () => {
  test('takes along what is in it, in both regions, and its work request has succeeded', async () => {
    const [from, to] = [await makeCompartment(cloud, 'from'), await makeCompartment(cloud, 'to')]
    const id = await makeCompartment(cloud, 'moved', from)
    const child = await makeCompartment(cloud, 'child', id)
    const vaultId = await vaultIn(cloud, cloud.a, child)
    const answer = await move(id, to)
    expect(answer.status).toBe(202)
    await cloud.settle()
    for (const region of [cloud.a, cloud.b]) {
      expect((await compartment(id, region)).body).toMatchObject({ compartmentId: to, lifecycleState: 'ACTIVE' })
      expect((await compartment(child, region)).body).toMatchObject({ compartmentId: id })
    }
    expect((await makeKeyIn(cloud, cloud.a, vaultId, child)).status).toBe(200)
    expect((await workRequest(workOf(answer))).body).toMatchObject({
      operationType: 'MOVE_COMPARTMENT',
      status: 'SUCCEEDED',
      compartmentId: to,
      resources: [{ identifier: id, actionType: 'UPDATED' }],
      errors: [],
    })
    expect(await makeCompartment(cloud, 'moved', from)).not.toBe(id)
  })

  test('leaves the reach of policies above its former place, and comes into that of the new one', async () => {
    const [from, to] = [await makeCompartment(cloud, 'from'), await makeCompartment(cloud, 'to')]
    const id = await makeCompartment(cloud, 'moved', from)
    const ofFrom = await addUser(cloud, 'from', ['Allow group from to inspect vaults in compartment from'])
    const ofTo = await addUser(cloud, 'to', ['Allow group to to inspect vaults in compartment to'])
    const lists = async () => {
      const list = `/20180608/vaults?compartmentId=${id}`
      return [(await ofFrom(cloud.a, 'GET', list)).status, (await ofTo(cloud.b, 'GET', list)).status]
    }
    expect(await lists()).toEqual([200, 404])
    await move(id, to)
    await cloud.settle()
    expect(await lists()).toEqual([404, 200])
  })

  test('needs a right to compartments where it is and where it goes; one in itself is not enough', async () => {
    const [from, to] = [await makeCompartment(cloud, 'from'), await makeCompartment(cloud, 'to')]
    const id = await makeCompartment(cloud, 'moved', from)
    const grant = (where: string) => `Allow group ${where} to manage compartments in compartment`
    const inItself = await addUser(cloud, 'itself', [`${grant('itself')} from:moved`, `${grant('itself')} to`])
    const onlyFrom = await addUser(cloud, 'only', [`${grant('only')} from`])
    const both = await addUser(cloud, 'both', [`${grant('both')} from`, `${grant('both')} to`])
    for (const call of [inItself, onlyFrom])
      expect(await move(id, to, call)).toMatchObject(refused(404, 'NotAuthorizedOrNotFound'))
    expect((await move(id, to, both)).status).toBe(202)
  })

  test('does not go into itself, below itself, too deep, beside its namesake or into what is gone', async () => {
    const id = await makeCompartment(cloud, 'a')
    const child = await makeCompartment(cloud, 'b', id)
    for (const to of [id, child]) expect(await move(id, to)).toMatchObject(refused(400, 'InvalidParameter'))
    let deep = await makeCompartment(cloud, 'l1')
    for (const level of ['l2', 'l3', 'l4', 'l5']) deep = await makeCompartment(cloud, level, deep)
    expect(await move(id, deep)).toMatchObject(refused(400, 'LimitExceeded'))
    expect((await move(child, deep)).status).toBe(202)
    const other = await makeCompartment(cloud, 'other')
    await makeCompartment(cloud, 'A', other)
    expect(await move(id, other)).toMatchObject(refused(409, 'NotAuthorizedOrResourceAlreadyExists'))
    expect(await move(id, await gone('dead'))).toMatchObject(refused(409, 'Conflict'))
    expect(await move(cloud.tenancyId, other)).toMatchObject(refused(400, 'InvalidParameter'))
  })

  test('to where it is stays as it is', async () => {
    const id = await makeCompartment(cloud, 'a')
    const { headers } = await compartment(id)
    expect((await move(id, cloud.tenancyId)).status).toBe(202)
    expect((await compartment(id)).headers['etag']).toBe(headers['etag'])
  })

  test('is moved once for one retry token', async () => {
    const [id, to] = [await makeCompartment(cloud, 'a'), await makeCompartment(cloud, 'b')]
    const headers = { 'opc-retry-token': 't' }
    const [first, second] = [await move(id, to, cloud.call, headers), await move(id, to, cloud.call, headers)]
    expect(workOf(second)).toBe(workOf(first))
  })
})

describe('a DELETED compartment', () => {
  test('is recovered as it was, in both regions, and takes vaults again', async () => {
    const id = await gone('back')
    const answer = await recover(id)
    expect(answer).toMatchObject({ status: 200, body: { id, name: 'back', lifecycleState: 'ACTIVE' } })
    await cloud.settle()
    for (const region of [cloud.a, cloud.b]) {
      expect((await compartment(id, region)).body['lifecycleState']).toBe('ACTIVE')
      expect((await makeVaultIn(cloud, region, id)).status).toBe(200)
    }
    expect(await recover(id)).toMatchObject(refused(409, 'Conflict'))
  })

  test('stays where its name was taken or its parent is gone', async () => {
    const id = await gone('taken')
    await makeCompartment(cloud, 'TAKEN')
    expect(await recover(id)).toMatchObject(refused(409, 'NotAuthorizedOrResourceAlreadyExists'))
    const parent = await makeCompartment(cloud, 'parent')
    const child = await gone('child', parent)
    await deleteCompartment(cloud, parent)
    expect(await recover(child)).toMatchObject(refused(409, 'IncorrectState'))
    await cloud.settle()
    expect(await recover(child)).toMatchObject(refused(409, 'Conflict'))
    expect((await recover(parent)).status).toBe(200)
    expect((await recover(child)).status).toBe(200)
  })
})

describe('the work request of a deletion', () => {
  test('goes on until every region has voted, and is still there when the compartment is gone', async () => {
    const id = await makeCompartment(cloud, 'doomed')
    cloud.link.isUp = false
    const work = workOf(await deleteCompartment(cloud, id))
    expect((await workRequest(work)).body).toMatchObject({
      status: 'IN_PROGRESS',
      percentComplete: 0,
      timeFinished: null,
    })
    cloud.link.isUp = true
    await cloud.settle()
    expect((await compartment(id)).body['lifecycleState']).toBe('DELETED')
    const { body } = await workRequest(work)
    expect(body).toMatchObject({
      operationType: 'DELETE_COMPARTMENT',
      status: 'SUCCEEDED',
      percentComplete: 100,
      resources: [{ identifier: id, entityType: 'compartment', actionType: 'DELETED' }],
    })
    expect(Date.parse(String(body['timeFinished']))).toBeGreaterThan(Date.parse(String(body['timeAccepted'])))
    expect((await workRequest(work, '/logs')).list).toMatchObject([
      { message: 'Accepted.' },
      { message: 'Ended: SUCCEEDED.' },
    ])
    const list = `/20160918/workRequests?compartmentId=${cloud.tenancyId}&resourceIdentifier=${id}`
    expect((await cloud.call(cloud.a, 'GET', list)).list).toMatchObject([{ id: work }])
  })

  test('has failed where another region found something, and says where', async () => {
    const id = await makeCompartment(cloud, 'full')
    await cloud.settle()
    cloud.link.isUp = false
    const work = workOf(await deleteCompartment(cloud, id))
    expect((await makeVaultIn(cloud, cloud.b, id)).status).toBe(200)
    cloud.link.isUp = true
    await cloud.settle()
    const message = 'The compartment is not empty in us-phoenix-1.'
    expect((await workRequest(work)).body).toMatchObject({ status: 'FAILED', errors: [{ code: 'Conflict', message }] })
    expect((await workRequest(work, '/errors')).list).toMatchObject([{ message }])
  })

  test('is nobody’s who may not inspect the compartment', async () => {
    const work = workOf(await deleteCompartment(cloud, await makeCompartment(cloud, 'secret')))
    await cloud.settle()
    const stranger = await addUser(cloud, 'strangers', ['Allow group strangers to inspect vaults in tenancy'])
    const [there, nowhere] = await Promise.all(
      [work, 'ocid1.workrequest.oc1..none'].map((id) =>
        stranger(cloud.a, 'GET', `/20160918/workRequests/${String(id)}`),
      ),
    )
    expect(there).toMatchObject(refused(404, 'NotAuthorizedOrNotFound'))
    expect(there?.text).toBe(nowhere?.text)
  })
})
