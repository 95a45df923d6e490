import { stampIdentity } from '../../lib/kms/identity/stampIdentity.ts'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import { identitySk, type LogEntry } from '../../lib/kms/identity/identityRows.ts'
import { tenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { coveredText, headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import type { Item, Tables } from '../../lib/ports.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../harness/twoRegions.ts'
import { tablesWith } from '../../lib/tablesWith.ts'

/** What was valid once and is put back, as whoever can write to the tables can do it. */

const cloud = cloudOfEachTest()

const altered = { code: 'integrityFailure' }
const policies = '/20160918/policies'

/** As a process sees the tables that has read nothing before. */
function anew({ runtime }: TestRegion) {
  const fresh = tablesWith(runtime.tables, {})
  return tenancyState({ ...runtime, tables: fresh }, cloud.tenancyId)
}

const put = ({ runtime }: TestRegion, item: Item) => runtime.tables.write([{ op: 'put', table: 'Identity', item }])
const remove = ({ runtime }: TestRegion, sk: string) =>
  runtime.tables.write([{ op: 'delete', table: 'Identity', pk: cloud.tenancyId, sk }])

async function rowsOf({ runtime }: TestRegion): Promise<readonly Item[]> {
  return (await runtime.tables.query('Identity', cloud.tenancyId, '', { limit: 1000 })).items
}

async function makePolicy(name: string): Promise<string> {
  const statements = ['Allow group Administrators to read keys in tenancy']
  const details = { compartmentId: cloud.tenancyId, name, description: 'd', statements }
  return String((await cloud.call(cloud.a, 'POST', policies, details)).body['id'])
}

describe.each(['a', 'b'] as const)('in region %s', (name) => {
  const region = () => cloud[name]

  test('a policy that was withdrawn and is put back is found', async () => {
    const id = await makePolicy('p')
    await cloud.settle()
    const row = (await rowsOf(region())).find(({ sk }) => sk === identitySk.policy(id)) as Item
    await cloud.call(cloud.a, 'DELETE', `${policies}/${id}`)
    await cloud.settle()
    expect((await anew(region())).rows.has(row.sk)).toBe(false)
    await put(region(), row)
    await expect(anew(region())).rejects.toMatchObject(altered)
  })

  test('a policy as it was before its last change is found', async () => {
    const id = await makePolicy('p')
    await cloud.settle()
    const row = (await rowsOf(region())).find(({ sk }) => sk === identitySk.policy(id)) as Item
    await cloud.call(cloud.a, 'PUT', `${policies}/${id}`, { description: 'e' })
    await cloud.settle()
    await put(region(), row)
    await expect(anew(region())).rejects.toMatchObject(altered)
  })

  test('a row that is taken away is found', async () => {
    const id = await makePolicy('p')
    await cloud.settle()
    await remove(region(), identitySk.policy(id))
    await expect(anew(region())).rejects.toMatchObject(altered)
  })

  test('all rows put back together, the head with them, are found by the number in the HSM', async () => {
    const before = await rowsOf(region())
    await makePolicy('p')
    await cloud.settle()
    expect((await anew(region())).seq).toBe(2)
    for (const { sk } of await rowsOf(region())) await remove(region(), sk)
    for (const row of before) await put(region(), row)
    expect(await headSeq(region().runtime, cloud.tenancyId)).toBe(1)
    await expect(anew(region())).rejects.toMatchObject(altered)
  })

  test('a call is refused with 500 where identity was set back', async () => {
    await makePolicy('p')
    await cloud.settle()
    await cloud.call(region(), 'GET', `${policies}?compartmentId=${cloud.tenancyId}`)
    await put(region(), { pk: cloud.tenancyId, sk: identitySk.head, seq: 1 })
    expect(await cloud.call(region(), 'GET', `${policies}?compartmentId=${cloud.tenancyId}`)).toMatchObject({
      status: 500,
    })
  })
})

test('a region keeps the number as soon as it has applied an entry, before anybody reads', async () => {
  await makePolicy('p')
  await cloud.settle()
  expect([cloud.a, cloud.b].map(({ hsm }) => hsm.identityHead(cloud.tenancyId))).toEqual([2, 2])
})

test('what is read entry by entry is what is read whole', async () => {
  const id = await makePolicy('p')
  await cloud.call(cloud.a, 'PUT', `${policies}/${id}`, { description: 'e' })
  await makePolicy('q')
  await cloud.call(cloud.a, 'DELETE', `${policies}/${id}`)
  await cloud.settle()
  const followed = await tenancyState(cloud.b.runtime, cloud.tenancyId)
  const whole = await anew(cloud.b)
  expect(followed.seq).toBe(5)
  expect(new Map([...followed.leaves].sort())).toEqual(new Map([...whole.leaves].sort()))
})

test('while the log stands still only its head is read', async () => {
  await anew(cloud.a)
  const asked: string[] = []
  const { runtime } = cloud.a
  const tables: Tables = tablesWith(runtime.tables, {
    get: (...call) => {
      asked.push(call[2])
      return runtime.tables.get(...call)
    },
  })
  const ports = { ...runtime, tables }
  await tenancyState(ports, cloud.tenancyId)
  asked.length = 0
  await tenancyState(ports, cloud.tenancyId)
  expect(asked).toEqual([identitySk.head])
})

describe('a log of the first version, whose entries sign no digest', () => {
  /** The first entry as that version wrote it. */
  async function makeOld(region: TestRegion): Promise<void> {
    const { runtime } = region
    const sk = identitySk.log(1)
    const stored = (await runtime.tables.get('Identity', cloud.tenancyId, sk)) as unknown as LogEntry
    const { stateDigest: _digest, signature: _signature, ...entry } = stored
    const signature = (await cloud.a.hsm.sign(Buffer.from(coveredText(entry)))).toString('base64')
    await put(region, { ...entry, signature })
  }

  test('opens, each row by its own signature, and is stamped once', async () => {
    await makeOld(cloud.a)
    const old = await anew(cloud.a)
    expect(old.seq).toBe(1)
    await stampIdentity(cloud.a.runtime, cloud.tenancyId, 1)
    await stampIdentity(cloud.a.runtime, cloud.tenancyId, 2)
    const stamped = await anew(cloud.a)
    expect(stamped.seq).toBe(2)
    expect(stamped.leaves).toEqual(old.leaves)
  })

  test('is stamped for every region: the entry travels as any other', async () => {
    await makeOld(cloud.a)
    await makeOld(cloud.b)
    await stampIdentity(cloud.a.runtime, cloud.tenancyId, 1)
    await cloud.settle()
    expect((await anew(cloud.b)).seq).toBe(2)
  })

  test('a row of it that was altered is refused', async () => {
    await makeOld(cloud.a)
    const row = (await rowsOf(cloud.a)).find(({ sk }) => sk.startsWith('policy#')) as Item
    await put(cloud.a, { ...row, name: 'forged' })
    await expect(anew(cloud.a)).rejects.toMatchObject(altered)
  })
})

test('an append whose judgement is older than the last entry is refused', async () => {
  await makePolicy('p')
  const change = { after: 1, puts: [] }
  expect(await appendIdentity(cloud.a.runtime, cloud.tenancyId, change)).toBe(false)
})
