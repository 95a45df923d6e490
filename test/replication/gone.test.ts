import { listAtRisk } from '../../lib/replication/atRisk.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { taskText } from '../../lib/replication/messages/task.ts'
import { bodyOf, taken, workOutcomeOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import {
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeReplicatedVault,
  replicaStatus,
} from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'
import { tablesWith } from '../../lib/tablesWith.ts'

/** A replica that is deleted, and one that is made anew after it. */

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

test('what never reached a replica that is gone is at no risk any more', async () => {
  cloud.link.isUp = false
  await makeKey(cloud, vaultId)
  const atRisk = async () => (await listAtRisk(cloud.a.store.tables, regionB, 10)).items.length
  expect(await atRisk()).toBe(1)
  await deleteReplica(cloud, vaultId)
  cloud.link.isUp = true
  await cloud.settle()
  expect(await atRisk()).toBe(0)
})

describe('made anew,', () => {
  let keyId: string
  let ciphertext: unknown
  let purges: readonly string[]
  beforeEach(async () => {
    keyId = String((await makeKey(cloud, vaultId)).body['id'])
    ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
    await cloud.settle()
    cloud.link.sent.length = 0
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    purges = cloud.link.sent.map(({ body }) => body).filter((text) => bodyOf(text).kind === 'purge')
    await createReplica(cloud, vaultId)
    await cloud.settle()
  })

  async function expectWhole(): Promise<void> {
    expect(await storedRows(cloud.b, vaultId)).toEqual(await storedRows(cloud.a, vaultId))
    expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).status).toBe(200)
  }

  test('it stays whole when the deletion of the one before comes again', async () => {
    expect(purges).not.toEqual([])
    expect(await workInbox(cloud.b.runtime, purges)).toEqual(purges.map(() => ({ outcome: 'done' })))
    await expectWhole()
  })

  test('it stays whole when a page of keys of the one before is still to be deleted', async () => {
    const row = (await cloud.b.runtime.cache.freshVault(vaultId))?.row
    const fence = (row?.fence ?? 0) - 1
    const task = { task: 'purgeKeys', vaultId, fence, tenancyId: cloud.tenancyId, source: regionA } as const
    expect(await workInbox(cloud.b.runtime, [taskText(task)])).toEqual([{ outcome: 'done' }])
    await expectWhole()
  })
})

describe('keys that arrive', () => {
  let bundle: string
  let request: string
  let messages: Map<string, string>
  beforeEach(async () => {
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    await createReplica(cloud, vaultId)
    messages = new Map<string, string>()
    for (let round = 0; round < 20 && !messages.has('linkBundle'); round += 1) {
      await workOutcomeOf(cloud.a)
      for (const text of await taken(cloud.b, 'inbox')) {
        messages.set(bodyOf(text).kind, text)
        if (bodyOf(text).kind !== 'linkBundle') await workInbox(cloud.b.runtime, [text])
      }
    }
    bundle = messages.get('linkBundle') ?? ''
    request = messages.get('linkRequest') ?? ''
  })

  async function purged(): Promise<string> {
    await deleteReplica(cloud, vaultId)
    for (const text of await taken(cloud.b, 'inbox')) messages.set(bodyOf(text).kind, text)
    return messages.get('purge') ?? ''
  }

  /** Works a message, and meanwhile, when it has read its n-th row, something else. */
  async function heldUp(text: string, atRead: number, meanwhile: () => Promise<unknown>): Promise<void> {
    const { tables } = cloud.b.store
    let reads = 0
    const slow = tablesWith(tables, {
      get: async (...of) => {
        const found = await tables.get(...of)
        if (reads++ === atRead) await meanwhile()
        return found
      },
    })
    const { cache } = cloud.b.runtime
    const freshVault: typeof cache.freshVault = async (id) => {
      const found = await cache.freshVault(id)
      if (reads++ === atRead) await meanwhile()
      return found
    }
    const heldCache = Object.assign(cache.uncached(), { freshVault })
    const delivered = await workInbox({ ...cloud.b.runtime, tables: slow, cache: heldCache }, [text])
    expect([delivered, reads > atRead]).toEqual([[{ outcome: 'done' }], true])
  }

  const expectGone = async () => {
    await cloud.settle()
    expect(await cloud.b.store.tables.get('Vaults', vaultId, 'vault')).toBeUndefined()
    expect(await cloud.b.store.tables.get('Vaults', vaultId, 'keys')).toBeUndefined()
  }

  test.each([0, 1, 2, 3])('leave nothing behind where the deletion is worked whole at their read %i', async (read) => {
    const purge = await purged()
    await heldUp(bundle, read, async () => {
      await workInbox(cloud.b.runtime, [purge])
      await cloud.settle()
    })
    await expectGone()
  })

  test.each([0, 1])('are taken away at once where they come at read %i of the deletion', async (read) => {
    const purge = await purged()
    await heldUp(purge, read, () => workInbox(cloud.b.runtime, [bundle]))
    expect(await cloud.b.store.tables.get('Vaults', vaultId, 'vault')).toBeUndefined()
    await expectGone()
  })

  test('twice are no forgery where the request for them was offered anew in between', async () => {
    // The request has found no vault, and finds no offer any more; the second delivery has found no vault either.
    await heldUp(bundle, 2, () => heldUp(request, 1, () => workInbox(cloud.b.runtime, [bundle])))
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
    expect(await storedRows(cloud.b, vaultId)).toEqual(await storedRows(cloud.a, vaultId))
  })
})
