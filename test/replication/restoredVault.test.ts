import { workInbox } from '../../lib/replication/messages/inbox.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { taken, workInboxOf, workOutcomeOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB } from '../harness/twoRegions.ts'
import {
  allowReplication,
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeReplicatedVault,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'
import { tablesWith } from '../../lib/tablesWith.ts'

/** A vault that goes while its replica cannot be told, or before it is there; and what is left of offers that came to nothing. */

const day = 86_400_000
const cloud = cloudOfEachTest()

const place = { destination: 'BUCKET', namespace: 'ns', bucketName: 'b', objectName: 'saved' }
const post = (target: string, body: object) => cloud.call(cloud.a, 'POST', `/20180608/vaults/${target}`, body)

const restore = () => post(`actions/restoreFromObjectStore?compartmentId=${cloud.tenancyId}`, { backupLocation: place })

async function deleteVault(vaultId: string): Promise<void> {
  const timeOfDeletion = new Date(cloud.clock.now + 8 * day).toISOString()
  expect((await post(`${vaultId}/actions/scheduleDeletion`, { timeOfDeletion })).status).toBe(200)
  await cloud.settle(5)
  for (let round = 0; round < 4; round += 1) {
    cloud.clock.now += 3 * day
    await cloud.runDue()
    await cloud.settle(5)
  }
}

async function rowsInReplica(vaultId: string): Promise<readonly string[]> {
  const { tables } = cloud.b.store
  const vault = await tables.query('Vaults', vaultId, '', { limit: 10 })
  const transports = await tables.query('Replication', `transport#${vaultId}`, '', { limit: 10 })
  return [...vault.items, ...transports.items].map(({ pk, sk }) => `${pk} ${sk}`)
}

test('what is left in a replica that missed the deletion of its vault goes when the vault is restored', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body: key } = await makeKey(cloud, vaultId)
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, key['id'])
  await cloud.settle()
  expect((await post(`${vaultId}/actions/backup`, { backupLocation: place, isIncludeKeys: true })).status).toBe(200)
  cloud.link.isUp = false
  await deleteVault(vaultId)
  // The replica still serves.
  expect(await decrypt(cloud, cloud.b, vaultId, key['id'], ciphertext)).toMatchObject({ status: 200 })
  expect(await restore()).toMatchObject({ status: 200, body: { id: vaultId, lifecycleState: 'ACTIVE' } })
  cloud.link.isUp = true
  await cloud.settle()
  expect(await rowsInReplica(vaultId)).toEqual([])
  expect((await decrypt(cloud, cloud.b, vaultId, key['id'], ciphertext)).status).toBe(404)
  expect((await createReplica(cloud, vaultId)).status).toBe(202)
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  expect(await decrypt(cloud, cloud.b, vaultId, key['id'], ciphertext)).toMatchObject({ status: 200 })
})

describe('a vault that comes back under its OCID', () => {
  let vaultId: string
  const order = async () => {
    const { fence, revision } = { ...(await cloud.a.store.tables.get('Vaults', vaultId, 'vault')) }
    return { fence: Number(fence), revision: Number(revision) }
  }

  beforeEach(async () => {
    vaultId = await makeReplicatedVault(cloud)
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    expect((await order()).fence).toBeGreaterThan(0)
  })

  const backUp = async () => {
    expect((await post(`${vaultId}/actions/backup`, { backupLocation: place })).status).toBe(200)
  }

  const expectBehind = async (before: { fence: number; revision: number }) => {
    expect((await restore()).status).toBe(200)
    const { fence, revision } = await order()
    expect(fence).toBeGreaterThan(before.fence)
    expect(revision).toBeGreaterThan(before.revision)
  }

  test('is behind what stood here since it was saved, whose messages may still come', async () => {
    await backUp()
    await createReplica(cloud, vaultId)
    await cloud.settle()
    await deleteVault(vaultId)
    await expectBehind(await order())
  })

  test('is behind what was saved where nothing of it stands any more: a replica may', async () => {
    await backUp()
    const before = await order()
    for (const { pk, sk } of (await cloud.a.store.tables.query('Vaults', vaultId, '', { limit: 10 })).items)
      await cloud.a.store.tables.write([{ op: 'delete', table: 'Vaults', pk, sk }])
    await expectBehind(before)
  })
})

test('a vault that is deleted before its replica is there leaves neither a dead letter nor a link', async () => {
  const vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  cloud.link.isUp = false
  expect((await createReplica(cloud, vaultId)).status).toBe(202)
  await deleteVault(vaultId)
  cloud.link.isUp = true
  await cloud.settle()
  expect(await cloud.a.store.queues.deadLetters('outcome', 10)).toEqual([])
  const row = await cloud.a.store.tables.get('Vaults', vaultId, 'vault')
  expect(row).toMatchObject({ lifecycleState: 'DELETED', replicaRegion: null, replicaStatus: null })
  expect(await rowsInReplica(vaultId)).toEqual([])
})

/** A vault whose replica was asked for, up to the offer of a transport key. */
async function offered(): Promise<{ vaultId: string; request: string }> {
  const vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  await cloud.settle()
  await createReplica(cloud, vaultId)
  const [request = ''] = (await taken(cloud.b, 'inbox')).slice(-1)
  expect(await workInbox(cloud.b.runtime, [request])).toEqual([{ outcome: 'done' }])
  return { vaultId, request }
}

test('a request for a link that is worked while the link is made leaves no transport key', async () => {
  const { vaultId, request } = await offered()
  await workOutcomeOf(cloud.a)
  const { tables } = cloud.b.runtime
  let isMade = false
  const slow: Runtime = {
    ...cloud.b.runtime,
    tables: tablesWith(tables, {
      get: async (table, pk, sk) => {
        if (!isMade && pk.startsWith('transport#')) {
          isMade = true
          await workInboxOf(cloud.b)
        }
        return tables.get(table, pk, sk)
      },
    }),
  }
  expect(await workInbox(slow, [request])).toEqual([{ outcome: 'done' }])
  expect(isMade).toBe(true)
  expect((await rowsInReplica(vaultId)).filter((row) => row.startsWith('transport#'))).toEqual([])
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
})

test('a replica that is deleted before it is there takes its transport key along', async () => {
  const { vaultId } = await offered()
  expect(await rowsInReplica(vaultId)).toHaveLength(1)
  await deleteReplica(cloud, vaultId, regionB)
  await cloud.settle()
  expect(await rowsInReplica(vaultId)).toEqual([])
})

test('a record of an earlier replica is dropped where none stands, and where a new one does', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  await makeKey(cloud, vaultId)
  const late = await taken(cloud.b, 'inbox')
  expect(late).not.toEqual([])
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  const expectDropped = async () => {
    expect(await workInbox(cloud.b.runtime, late)).toEqual(late.map(() => ({ outcome: 'done' })))
    expect(await taken(cloud.a, 'outcome')).toEqual([])
  }
  await expectDropped()
  await createReplica(cloud, vaultId)
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  await expectDropped()
})
