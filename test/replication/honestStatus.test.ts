import { lastReceipt, receiptRow, type ReceiptRow } from '../../lib/replication/messages/receipts.ts'
import { coverageOf, coverageWrite } from '../../lib/replication/coverage.ts'
import { linkReport } from '../../lib/replication/linkReport.ts'
import { recount } from '../../lib/replication/recount.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import type { Item, QueueName } from '../../lib/ports.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB, type TestRegion } from '../harness/twoRegions.ts'
import {
  changeIn,
  createReplica,
  deleteReplica,
  makeKey,
  makeReplicatedVault,
  type ReplicatedChange,
} from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

async function newKey(): Promise<ReplicatedChange> {
  return changeIn((await makeKey(cloud, vaultId)).body)
}

async function rename({ id }: ReplicatedChange, displayName = 'renamed'): Promise<ReplicatedChange> {
  return changeIn((await cloud.call(cloud.a, 'PUT', `/20180608/keys/${id}`, { displayName }, { host: vaultId })).body)
}

async function details({ replicationId }: ReplicatedChange, region = cloud.a): Promise<Record<string, unknown>> {
  const target = `/20180608/replicaOperations/${replicationId}/status`
  const { body } = await cloud.call(region, 'GET', target, undefined, { host: vaultId })
  return (body['replicaDetails'] as readonly Record<string, unknown>[])[0] ?? {}
}

async function statusOf(change: ReplicatedChange, region = cloud.a): Promise<unknown> {
  return (await details(change, region))['status']
}

async function vaultAt(region: TestRegion): Promise<Vault> {
  const vault = await region.runtime.cache.freshVault(vaultId)
  if (vault === undefined) throw new Error('The vault is gone.')
  return vault
}

async function receiptOf({ id }: ReplicatedChange): Promise<ReceiptRow> {
  const row = await lastReceipt(cloud.a.store.tables, await vaultAt(cloud.a), id)
  if (row === undefined) throw new Error('There is no receipt.')
  return row
}

async function put({ store }: TestRegion, item: Item): Promise<void> {
  await store.tables.write([{ op: 'put', table: 'Replication', item }])
}

/** A rename that the replica's inbox never got. */
async function lostRename(change: ReplicatedChange): Promise<ReplicatedChange> {
  cloud.link.isUp = false
  return rename(change)
}

describe('the primary says REPLICATED by a receipt that was verified, and by no other', () => {
  test('one that it has', async () => {
    const key = await newKey()
    expect(await statusOf(key)).toBe('REPLICATING')
    await cloud.settle()
    expect(await statusOf(key)).toBe('REPLICATED')
    expect(await statusOf(await lostRename(key))).toBe('REPLICATING')
    expect(await statusOf(key)).toBe('REPLICATED')
  })

  test('one that was altered', async () => {
    const key = await newKey()
    await cloud.settle()
    const row = await receiptOf(key)
    const lost = await lostRename(key)
    const { covered } = row.receipt
    const receipt = { ...row.receipt, covered: { ...covered, revision: covered.revision + 10 } }
    await put(cloud.a, { ...row, receipt })
    expect(await statusOf(lost)).toBe('REPLICATING')
    expect(await statusOf(key)).toBe('REPLICATING')
  })

  test('one that was copied from another key', async () => {
    const other = await rename(await newKey())
    await cloud.settle()
    cloud.link.isUp = false
    const key = await newKey()
    const row = await receiptOf(other)
    for (const receipt of [row.receipt, { ...row.receipt, resourceId: key.id }]) {
      await put(cloud.a, { ...row, pk: `arrival#${key.id}`, receipt: { ...receipt, covered: { ...receipt.covered } } })
      expect(await statusOf(key)).toBe('REPLICATING')
    }
  })

  test('one of an earlier link', async () => {
    const key = await newKey()
    await cloud.settle()
    const row = await receiptOf(key)
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    cloud.link.isUp = false
    await createReplica(cloud, vaultId)
    await put(cloud.a, row)
    expect(await statusOf(key)).toBe('REPLICATING')
  })

  test.each(['digest', 'versions'] as const)('one for rows that are not these: another %s', async (member) => {
    const key = await newKey()
    await cloud.settle()
    const { receipt, path, proof } = await receiptOf(key)
    const other = { ...receipt, [member]: 'AAAA' }
    const row = receiptRow(await vaultAt(cloud.a), regionB, other, { path, proof, now: cloud.clock.now })
    await put(cloud.a, row)
    expect(await statusOf(key)).toBe('REPLICATING')
  })
})

describe('the replica says REPLICATED by what it counted itself', () => {
  /** A key of which the replica has the row and lacks the version. */
  async function halfAKey(): Promise<ReplicatedChange> {
    const key = await newKey()
    await cloud.settle()
    expect(await statusOf(key, cloud.b)).toBe('REPLICATED')
    const versions = await cloud.b.store.tables.query('Keys', key.id, 'version#', { limit: 10 })
    for (const { pk, sk } of versions.items) await cloud.b.store.tables.write([{ op: 'delete', table: 'Keys', pk, sk }])
    await recount(cloud.b.runtime, await vaultAt(cloud.b), key.id)
    return key
  }

  test('and not by a coverage row that somebody wrote', async () => {
    const key = await halfAKey()
    expect(await statusOf(key, cloud.b)).toBe('REPLICATING')
    const stored = await cloud.b.store.tables.get('Replication', `stored#${key.id}`, 'coverage')
    const whole = (await receiptOf(key)).receipt.covered
    await put(cloud.b, { ...stored, pk: `stored#${key.id}`, sk: 'coverage', whole: { ...whole } })
    expect(await statusOf(key, cloud.b)).toBe('REPLICATING')
  })

  test("and not by another key's", async () => {
    const key = await halfAKey()
    const other = await newKey()
    await cloud.settle()
    const stored = await cloud.b.store.tables.get('Replication', `stored#${other.id}`, 'coverage')
    await put(cloud.b, { ...stored, pk: `stored#${key.id}`, sk: 'coverage' })
    expect(await statusOf(key, cloud.b)).toBe('REPLICATING')
  })

  test('its own would count', async () => {
    const key = await halfAKey()
    const vault = await vaultAt(cloud.b)
    const known = await coverageOf(cloud.b.runtime, vault, key.id)
    const whole = (await receiptOf(key)).receipt.covered
    await cloud.b.store.tables.write([coverageWrite(vault, key.id, known, { versions: '', whole })])
    expect(await statusOf(key, cloud.b)).toBe('REPLICATED')
  })
})

describe('beside the status stands how far the vault is', () => {
  test('lag, as it was measured', async () => {
    const key = await newKey()
    cloud.clock.now += 70
    await cloud.settle()
    const lagMs = (await details(key))['lagMs'] as Record<string, number>
    expect(Object.keys(lagMs)).toEqual(['p50', 'p99', 'max'])
    expect(lagMs['max']).toBeGreaterThanOrEqual(70)
  })

  test('the age of the oldest change that is at risk, from its first one on', async () => {
    const key = await newKey()
    await cloud.settle()
    expect(await details(key)).toMatchObject({ oldestUnreplicatedChangeAgeMs: null })
    await lostRename(key)
    cloud.clock.now += 5_000
    const again = await rename(key, 'again')
    expect((await details(again))['oldestUnreplicatedChangeAgeMs']).toBeGreaterThanOrEqual(5_000)
    cloud.link.isUp = true
    await cloud.settle()
    expect(await details(again)).toMatchObject({ status: 'REPLICATED', oldestUnreplicatedChangeAgeMs: null })
  })

  test('the age of a change that was handed off and is not acknowledged, once a comparison has found it', async () => {
    const key = await newKey()
    await cloud.settle()
    await newKey()
    // It lay in the replica's inbox, and is lost there: nobody knows.
    expect(await taken(cloud.b, 'inbox')).toHaveLength(1)
    const { tables } = cloud.a.store
    await tables.trimChanges((await tables.readChanges(0, 1000)).at(-1)?.seq ?? 0)
    expect(await details(key)).toMatchObject({ oldestUnreplicatedChangeAgeMs: null })
    cloud.clock.now += 30_000
    await reconcile(cloud.a.runtime)
    await compareOnly()
    expect((await details(key))['oldestUnreplicatedChangeAgeMs']).toBeGreaterThanOrEqual(30_000)
    await cloud.settle()
    expect(await details(key)).toMatchObject({ oldestUnreplicatedChangeAgeMs: null })
  })

  /** Delivers what the comparison says, and nothing that it sends again. */
  async function compareOnly(): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      await workInbox(cloud.b.runtime, await taken(cloud.b, 'inbox'))
      for (const text of await taken(cloud.a, 'outcome')) await workOutcome(cloud.a.runtime, text)
    }
  }

  async function taken({ store }: TestRegion, name: QueueName): Promise<readonly string[]> {
    const messages = await store.queues.receive(name, 10)
    await store.queues.delete(
      name,
      messages.map(({ id }) => id),
    )
    return messages.map(({ body }) => body)
  }

  test('what the last comparison found; a replica that is made anew begins anew', async () => {
    const key = await newKey()
    await cloud.settle()
    expect(await details(key)).toMatchObject({ lastComparison: null })
    await reconcile(cloud.a.runtime)
    await cloud.settle()
    const { lastComparison } = await details(key)
    const { comparedAt, agreedAt, diverged } = lastComparison as Record<string, unknown>
    expect({ isSame: comparedAt === agreedAt, diverged }).toEqual({ isSame: true, diverged: 0 })
    expect(Date.parse(String(comparedAt))).toBeLessThanOrEqual(cloud.clock.now)
    expect(await linkReport(cloud.a.runtime, 10)).toEqual([
      {
        vaultId,
        peer: regionB,
        oldestWaitingSince: null,
        lagMs: expect.anything() as unknown,
        comparison: { comparedAt: Date.parse(String(comparedAt)), agreedAt: Date.parse(String(agreedAt)), diverged: 0 },
      },
    ])
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    expect(await linkReport(cloud.a.runtime, 10)).toEqual([])
    await createReplica(cloud, vaultId)
    await cloud.settle()
    expect(await details(key)).toMatchObject({ lastComparison: null })
  })
})
