import type { VaultKeys } from '../../lib/hsm/hsm.ts'
import { versionContext } from '../../lib/kms/rows/versionContext.ts'
import { materialIdOf } from '../../lib/ocid.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../harness/twoRegions.ts'
import { deleteReplica, encrypt, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** What a region has open of a key or a vault goes with it, in the region that destroys it and in its replica. */

const day = 86_400_000
const cloud = cloudOfEachTest()
let vaultId: string
let keyId: string
let versionId: string

beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  const { body } = await makeKey(cloud, vaultId)
  ;[keyId, versionId] = [String(body['id']), String(body['currentKeyVersion'])]
  await cloud.settle()
})

const post = (target: string, body?: object) =>
  cloud.call(cloud.a, 'POST', target, body, { host: target.includes('/vaults/') ? 'region' : vaultId })

async function pass(days: number): Promise<void> {
  cloud.clock.now += days * day
  await cloud.runDue()
  await cloud.settle()
}

/** What is open of the version, by an object that somebody still has. */
async function opened({ runtime: { cache } }: TestRegion) {
  const vault = await cache.freshVault(vaultId)
  const key = vault && (await cache.freshKey(vault.keys, keyId))
  const version = vault && (await cache.freshVersion(vault.keys, keyId, materialIdOf(versionId) ?? ''))
  if (!vault || !key || !version?.wrapped) throw new Error('It is not there.')
  const { keys } = vault
  const { wrapped } = version
  const context = versionContext(key, version.materialId)
  return { keys, context, wrapped, use: () => keys.use(context, wrapped, () => 'used') }
}

const regions = ['a', 'b'] as const

describe.each(regions)('in region %s', (name) => {
  /** The handles that are let go of. */
  const droppedBy = (keys: VaultKeys) => {
    const dropped: unknown[] = []
    const dropHandle = keys.dropHandle.bind(keys)
    keys.dropHandle = (context, wrapped) => {
      dropped.push([context.keyId, context.materialId, wrapped.blob])
      dropHandle(context, wrapped)
    }
    return dropped
  }

  test('a version that is destroyed is let go of', async () => {
    await post(`/20180608/keys/${keyId}/keyVersions`, {})
    await encrypt(cloud, cloud[name], vaultId, keyId)
    await cloud.settle()
    const { keys, context, wrapped } = await opened(cloud[name])
    const dropped = droppedBy(keys)
    await post(`/20180608/keys/${keyId}/keyVersions/${versionId}/actions/scheduleDeletion`)
    await pass(31)
    expect(dropped).toEqual([[keyId, context.materialId, wrapped.blob]])
  })

  test('every version of a key that is destroyed is let go of', async () => {
    await post(`/20180608/keys/${keyId}/keyVersions`, {})
    await cloud.settle()
    const dropped = droppedBy((await opened(cloud[name])).keys)
    await post(`/20180608/keys/${keyId}/actions/scheduleDeletion`)
    await pass(31)
    expect(dropped).toHaveLength(2)
  })

  test('a vault that is destroyed is closed', async () => {
    const { use } = await opened(cloud[name])
    expect(await use()).toBe('used')
    await post(`/20180608/vaults/${vaultId}/actions/scheduleDeletion`)
    await pass(31)
    await expect(use()).rejects.toThrow('were destroyed')
  })
})

test('a replica that is deleted is closed, and its source is not', async () => {
  const [source, replica] = [await opened(cloud.a), await opened(cloud.b)]
  expect([await source.use(), await replica.use()]).toEqual(['used', 'used'])
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  await expect(replica.use()).rejects.toThrow('were destroyed')
  expect(await source.use()).toBe('used')
})
