import type { Item, TableName } from '../../lib/ports.ts'
import { treeStart, type TreePlace } from '../../lib/kms/rows/digestTree.ts'
import { takeBackHost } from '../../lib/replication/takeBack/takeBackHost.ts'
import { replicateAnew } from '../../lib/replication/takeBack/takeBack.ts'
import { bodyOf, taken } from '../harness/deliveries.ts'
import { makeCompartment } from '../harness/compartmentStory.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import {
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeReplicatedVault,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** A primary that was put back to an older copy takes back, with each row, what was written beside it. */

const cloud = cloudOfEachTest()
let vaultId: string
let leaving: string
let keyIds: readonly string[]
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  leaving = await makeVault(cloud)
  const made: string[] = []
  for (let count = 0; count < 3; count += 1) made.push(String((await makeKey(cloud, vaultId)).body['id']))
  keyIds = made
  await cloud.settle()
})

const tables: readonly TableName[] = ['Vaults', 'Keys', 'Replication', 'Requests']

async function rowsOfPrimary(): Promise<readonly (readonly [TableName, Item])[]> {
  const found: (readonly [TableName, Item])[] = []
  for (const table of tables)
    for (const item of (await cloud.a.store.tables.scan(table, { limit: 1000 })).items) found.push([table, item])
  return found
}

/** Its tables as they were. Identity stays. */
async function putBack(copy: readonly (readonly [TableName, Item])[]): Promise<void> {
  for (const [table, { pk, sk }] of await rowsOfPrimary())
    await cloud.a.store.tables.write([{ op: 'delete', table, pk, sk }])
  for (const [table, item] of copy) await cloud.a.store.tables.write([{ op: 'put', table, item }])
}

async function takeBack(): Promise<void> {
  const [host, peer] = [takeBackHost(cloud.a.runtime), takeBackHost(cloud.b.runtime)]
  for (const standing of await peer.standingVaults(cloud.tenancyId)) {
    expect(await host.takeBackVault(standing)).not.toBe('isLost')
    for (let from: TreePlace | undefined = treeStart; from !== undefined;) {
      const page: Awaited<ReturnType<typeof peer.standingKeys>> = await peer.standingKeys(standing.vault.id, from)
      await host.takeBackKeys(standing.vault.id, page.keys)
      from = page.next
    }
  }
}

/** What is due, what lies in a compartment, what has a replica, and how a request is known again. */
async function beside(): Promise<readonly string[]> {
  const isBeside = ([table, { pk }]: readonly [TableName, Item]) =>
    /^(linked$|due#|pending#|in#)/.test(pk) || (table === 'Requests' && requested.has(pk))
  return (await rowsOfPrimary()).filter(isBeside).map(([table, { pk, sk }]) => `${table} ${pk} ${sk}`)
}
let requested: ReadonlySet<string>

test('what falls due, what is in a compartment, what has a replica, and which request made it', async () => {
  const copy = await rowsOfPrimary()
  await createReplica(cloud, leaving)
  await cloud.settle()
  const compartmentId = await makeCompartment(cloud, 'later')
  const [doomed = '', rotating = '', moving = ''] = keyIds
  const change = async (method: string, target: string, body: object, host = vaultId) => {
    const headers = { 'opc-retry-token': target }
    const { status } = await cloud.call(cloud.a, method, `/20180608/${target}`, body, { host, headers })
    expect([target, status]).toEqual([target, 200])
  }
  await change('POST', `keys/${doomed}/actions/scheduleDeletion`, {})
  const daily = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 60 } }
  await change('PUT', `keys/${rotating}`, daily)
  await change('POST', `keys/${moving}/actions/changeCompartment`, { compartmentId })
  await change('POST', `vaults/${vaultId}/actions/changeCompartment`, { compartmentId }, 'region')
  await change('POST', `vaults/${leaving}/actions/scheduleDeletion`, {}, 'region')
  await cloud.settle()
  const rows = (await rowsOfPrimary()).map(([, item]) => item['request'])
  requested = new Set(rows.filter((request) => typeof request === 'string'))
  const [wanted, stored] = [await beside(), await storedRows(cloud.a, vaultId)]
  const kinds = wanted.map((row) => row.split(/[ #]/, 2).join(' '))
  expect(new Set(kinds.filter((kind) => !kind.startsWith('Requests')))).toEqual(
    new Set(['Replication linked', 'Replication due', 'Replication pending', 'Replication in']),
  )
  expect(requested.size).toBeGreaterThan(4)
  await putBack(copy)
  expect(await storedRows(cloud.a, vaultId)).not.toEqual(stored)
  await takeBack()
  expect(await storedRows(cloud.a, vaultId)).toEqual(stored)
  expect(new Set(await beside())).toEqual(new Set(wanted))
})

test('nothing older than what stands', async () => {
  cloud.link.isUp = false
  const rename = (target: string, host: string) =>
    cloud.call(cloud.a, 'PUT', `/20180608/${target}`, { displayName: 'later' }, { host })
  expect((await rename(`vaults/${vaultId}`, 'region')).status).toBe(200)
  for (const keyId of keyIds) expect((await rename(`keys/${keyId}`, vaultId)).status).toBe(200)
  const stored = await storedRows(cloud.a, vaultId)
  await takeBack()
  expect(await storedRows(cloud.a, vaultId)).toEqual(stored)
})

test('every version of a key that has more of them than a transaction holds', async () => {
  const [keyId = ''] = keyIds
  const copy = await rowsOfPrimary()
  for (let count = 0; count < 85; count += 1)
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId })
  await cloud.settle()
  const stored = await storedRows(cloud.a, vaultId)
  await putBack(copy)
  await takeBack()
  expect(await storedRows(cloud.a, vaultId)).toEqual(stored)
})

describe('a replica is made anew for a peer that was put back to before it', () => {
  const rowOf = async (id: string) => cloud.a.store.tables.get('Vaults', id, 'vault')

  test('behind a purge of what is left there, which is behind what is left', async () => {
    const before = await rowOf(vaultId)
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, keyIds[0])
    await replicateAnew(cloud.a.runtime, vaultId)
    const [purge] = (await taken(cloud.b, 'inbox')).map(bodyOf).filter(({ kind }) => kind === 'purge')
    expect(purge).toMatchObject({ vaultId, fence: Number(before?.['fence']) + 1 })
    expect(await rowOf(vaultId)).toMatchObject({ replicaStatus: 'CREATING', fence: Number(before?.['fence']) + 2 })
    await replicateAnew(cloud.a.runtime, vaultId)
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
    expect(await decrypt(cloud, cloud.b, vaultId, keyIds[0], ciphertext)).toMatchObject({ status: 200 })
  })

  test('not of a vault that has none, nor of one whose replica is being deleted', async () => {
    cloud.link.isUp = false
    await deleteReplica(cloud, vaultId)
    await cloud.settle(5)
    const before = [await rowOf(vaultId), await rowOf(leaving)]
    expect(before).toMatchObject([{ replicaStatus: 'DELETING' }, { replicaRegion: null }])
    for (const id of [vaultId, leaving]) await replicateAnew(cloud.a.runtime, id)
    expect([await rowOf(vaultId), await rowOf(leaving)]).toEqual(before)
  })
})
