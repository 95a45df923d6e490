import type { Write } from '../../lib/ports.ts'
import {
  compartmentState,
  deleteCompartment,
  makeCompartment,
  makeKeyIn,
  makePolicyIn,
  makeVaultIn,
  vaultIn,
} from '../harness/compartmentStory.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../harness/twoRegions.ts'

const cloud = cloudOfEachTest()
let compartmentId: string
beforeEach(async () => {
  compartmentId = await makeCompartment(cloud, 'team')
  await cloud.settle()
})

/** Lets something happen just before a region commits a put of this kind of row. */
function beforeCommit({ store }: TestRegion, format: string, act: () => Promise<unknown>): void {
  const { tables } = store
  const write = tables.write.bind(tables)
  tables.write = async (writes: readonly Write[], writeId?: string) => {
    if (writes.some((each) => each.op === 'put' && each.item['format'] === format)) {
      tables.write = write
      await act()
    }
    return write(writes, writeId)
  }
}

describe('a creation that passed its check before the deletion was known, and commits after the vote', () => {
  const deletion = async () => {
    await deleteCompartment(cloud, compartmentId)
    await cloud.settle()
    expect(await compartmentState(cloud, cloud.b, compartmentId)).toBe('DELETED')
  }
  const refusal = { status: 409, body: { code: 'Conflict', message: expect.stringContaining('DELETED') as unknown } }

  test('makes no vault', async () => {
    beforeCommit(cloud.b, 'vaultspan/vault/1', deletion)
    expect(await makeVaultIn(cloud, cloud.b, compartmentId)).toMatchObject(refusal)
    const { list } = await cloud.call(cloud.b, 'GET', `/20180608/vaults?compartmentId=${compartmentId}`)
    expect(list).toEqual([])
  })

  test('makes no key', async () => {
    const vaultId = await vaultIn(cloud, cloud.b, cloud.tenancyId)
    beforeCommit(cloud.b, 'vaultspan/key-row/1', deletion)
    expect(await makeKeyIn(cloud, cloud.b, vaultId, compartmentId)).toMatchObject(refusal)
  })

  test.each([
    ['policy', () => makePolicyIn(cloud, compartmentId)],
    [
      'compartment',
      () => cloud.call(cloud.a, 'POST', '/20160918/compartments', { compartmentId, name: 'child', description: 'd' }),
    ],
  ])('makes no %s', async (_what, make) => {
    beforeCommit(cloud.a, 'vaultspan/identity-entry/1', deletion)
    expect(await make()).toMatchObject(refusal)
  })

  test('a deletion that was judged before a policy came is refused', async () => {
    const { tables } = cloud.a.store
    const query = tables.query.bind(tables)
    // By now the deletion has looked for policies and looks for vaults and keys.
    tables.query = async (table, pk, ...rest) => {
      if (pk === `in#${compartmentId}`) {
        tables.query = query
        await makePolicyIn(cloud, compartmentId)
      }
      return query(table, pk, ...rest)
    }
    expect(await deleteCompartment(cloud, compartmentId)).toMatchObject({ status: 409, body: { code: 'Conflict' } })
    expect(await compartmentState(cloud, cloud.a, compartmentId)).toBe('ACTIVE')
  })
})
