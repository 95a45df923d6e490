import { vaultKeysSk } from '../../lib/kms/vaultCache.ts'
import { vaultSk } from '../../lib/kms/rows/rows.ts'
import { allowReplication, createReplica, makeKey, makeVault } from '../harness/vaultStory.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'

const day = 86_400_000

/** Deletes the vault, keys and all, just before region A's next read of `sk` that follows `ready`. */
function destroyBefore(cloud: TestCloud, vaultId: string, sk: string): { ready: boolean; isDone: boolean } {
  const { a, clock, call } = cloud
  const moment = { ready: true, isDone: false }
  const get = a.runtime.tables.get.bind(a.runtime.tables)
  a.runtime.tables.get = async (table, pk, wanted) => {
    if (moment.ready && !moment.isDone && table === 'Vaults' && wanted === sk && pk.includes(vaultId)) {
      moment.isDone = true
      const timeOfDeletion = new Date(clock.now + 8 * day).toISOString()
      const { status } = await call(a, 'POST', `/20180608/vaults/${vaultId}/actions/scheduleDeletion`, {
        timeOfDeletion,
      })
      expect(status).toBe(200)
      clock.now += 9 * day
      await cloud.runDue()
    }
    return get(table, pk, wanted)
  }
  return moment
}

test('a vault whose keys are destroyed while it is saved answers as a deleted one, and leaves no file', async () => {
  const cloud = await twoRegions()
  try {
    const { a, call, backups } = cloud
    const vaultId = await makeVault(cloud)
    await makeKey(cloud, vaultId)
    const moment = destroyBefore(cloud, vaultId, vaultKeysSk)
    // The pipeline has loaded the vault when the backup reads the tenancy's keys; only then does it go.
    moment.ready = false
    const get = a.runtime.tables.get.bind(a.runtime.tables)
    a.runtime.tables.get = (table, pk, sk) => {
      if (pk.startsWith('backup#')) moment.ready = true
      return get(table, pk, sk)
    }
    const { status, body } = await call(a, 'POST', `/20180608/vaults/${vaultId}/actions/backup`, {
      isIncludeKeys: true,
    })
    expect(moment.isDone).toBe(true)
    expect({ status, code: body['code'] }).toEqual({ status: 409, code: 'IncorrectState' })
    expect([...backups.keys()]).toEqual([])
  } finally {
    cloud.close()
  }
})

test('a vault whose keys are destroyed while they are sent to its replica gives the link up', async () => {
  const lines: string[] = []
  const cloud = await twoRegions({ logLevel: 'info', writeLog: (line) => void lines.push(line) })
  try {
    const { b } = cloud
    const vaultId = await makeVault(cloud)
    await allowReplication(cloud)
    await cloud.settle()
    await createReplica(cloud, vaultId)
    // Loading a vault reads its row, then its keys; the bundle's own read has no row's before it.
    let before = ''
    const { tables } = cloud.a.runtime
    const moment = destroyBefore(cloud, vaultId, vaultKeysSk)
    moment.ready = false
    const get = tables.get.bind(tables)
    tables.get = (table, pk, sk) => {
      moment.ready ||= pk === vaultId && sk === vaultKeysSk && before !== vaultSk
      before = sk
      return get(table, pk, sk)
    }
    await cloud.settle()
    expect(moment.isDone).toBe(true)
    expect(await b.store.tables.get('Vaults', vaultId, vaultSk)).toBeUndefined()
    // It is no damage: nobody is alarmed.
    expect(lines.filter((line) => line.includes('were destroyed'))).toEqual([])
  } finally {
    cloud.close()
  }
})

test('a vault whose keys are destroyed between the reads of its two rows is read as deleted', async () => {
  const cloud = await twoRegions()
  try {
    const { a } = cloud
    const vaultId = await makeVault(cloud)
    const moment = destroyBefore(cloud, vaultId, vaultKeysSk)
    expect((await a.runtime.cache.freshVault(vaultId))?.row.lifecycleState).toBe('DELETED')
    expect(moment.isDone).toBe(true)
  } finally {
    cloud.close()
  }
})
