import type { Tables, Write } from '../../lib/ports.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import {
  allowReplication,
  createReplica,
  deleteReplica,
  encrypt,
  makeKey,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'

/** A replica is deleted, and its purge is over, at the very moment when the vault's keys arrive. */
let cloud: TestCloud
let vaultId: string
beforeEach(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  await encrypt(cloud, cloud.a, vaultId, (await makeKey(cloud, vaultId)).body['id'])
})
afterEach(() => {
  cloud.close()
})

function bringsVault(writes: readonly Write[]): boolean {
  return writes.some((each) => each.op === 'put' && each.table === 'Vaults' && each.item.pk === vaultId)
}

/** Each write of the replica's region goes through `hook`, with the table's own. */
function hookWrites(hook: (writes: readonly Write[], write: Tables['write']) => ReturnType<Tables['write']>): void {
  const { tables } = cloud.b.store
  const write: Tables['write'] = tables.write.bind(tables)
  const hooked: Tables['write'] = (writes, id) => hook(writes, (each) => write(each, id))
  Object.assign(tables, { write: hooked })
}

async function expectNothingLeft(): Promise<void> {
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
  expect((await cloud.b.runtime.tables.query('Vaults', vaultId, '', { limit: 10 })).items).toEqual([])
}

test('keys that are unwrapped when the purge comes are not stored after it', async () => {
  const tries: string[] = []
  hookWrites(async (writes, write) => {
    if (!bringsVault(writes)) return write(writes)
    tries.push('keys')
    // The same keys come twice: those that are not first come again.
    if (tries.length > 1) throw new Error('The table is throttled.')
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
    return write(writes)
  })
  await createReplica(cloud, vaultId)
  await expectNothingLeft()
  expect(tries.length).toBeGreaterThan(0)
})
