import type { Tables } from '../../lib/ports.ts'
import { createReplica, decrypt, encrypt, makeKey, makeVault, allowReplication } from '../harness/vaultStory.ts'
import { twoRegions } from '../harness/twoRegions.ts'

test('a key whose making began before the vault’s replica is handed off all the same before it is answered', async () => {
  const cloud = await twoRegions()
  try {
    const { a, b, link } = cloud
    const vaultId = await makeVault(cloud)
    await allowReplication(cloud)
    await cloud.settle()
    const { tables } = a.runtime
    const write = tables.write.bind(tables)
    let isFirst = true
    const meeting: Pick<Tables, 'write'> = {
      write: async (writes, id) => {
        if (isFirst && writes.some((each) => each.op === 'put' && each.table === 'Keys')) {
          isFirst = false
          await createReplica(cloud, vaultId)
          await cloud.settle()
          link.sent.length = 0
        }
        return write(writes, id)
      },
    }
    Object.assign(tables, meeting)
    const { body } = await makeKey(cloud, vaultId)
    expect(isFirst).toBe(false)
    // Nothing has run since the answer: what was sent is its hand-off.
    expect(link.sent.filter((each) => each.body.includes(String(body['id'])))).not.toEqual([])
    await cloud.settle()
    const ciphertext = await encrypt(cloud, a, vaultId, body['id'])
    expect(await decrypt(cloud, b, vaultId, body['id'], ciphertext)).toMatchObject({ status: 200 })
  } finally {
    cloud.close()
  }
})
