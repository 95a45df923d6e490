import { treeEntry, leafOf } from '../../lib/kms/rows/digestTree.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import { sendRecords } from '../../lib/replication/handOff.ts'
import { vaultSums } from '../../lib/replication/compare.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { vaultRecord } from '../../lib/replication/messages/record.ts'
import { signMessage, type BodyOf } from '../../lib/replication/messages/signedMessage.ts'
import { bodyOf, taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB, type TestRegion } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** What does not fit into one message, page or run goes on in the next. */

const cloud = cloudOfEachTest()
let vault: Vault
beforeEach(async () => {
  vault = await vaultAt(cloud.a, await makeReplicatedVault(cloud))
})

async function vaultAt({ runtime }: TestRegion, vaultId: string): Promise<Vault> {
  const found = await runtime.cache.freshVault(vaultId)
  if (found === undefined) throw new Error('The vault is missing.')
  return found
}

/** Entries of keys that are none, in the tree of a region. */
async function fill({ store }: TestRegion, leaf: number, count: number): Promise<readonly string[]> {
  const pk = `tree#${vault.row.id}#${String(leaf).padStart(4, '0')}`
  const ids = Array.from({ length: count }, (_, index) => `key-${String(index).padStart(5, '0')}`)
  for (const sk of ids) {
    const item = { pk, sk, epoch: vault.row.epoch, revision: 1, digest: `digest of ${sk}` }
    await store.tables.write([{ op: 'put', table: 'Replication', item }])
  }
  return ids
}

type Asked = NonNullable<BodyOf<'compare'>['ranges']>

/** What the replica answers to a question for its keys. */
async function answered(ranges: Asked): Promise<BodyOf<'compared'>> {
  const { id: vaultId, fence } = vault.row
  const question = {
    kind: 'compare',
    vaultId,
    fence,
    askedAt: cloud.clock.now,
    vaultDigest: '',
    root: '',
    ranges,
  } as const
  const of = { tenancyId: cloud.tenancyId, destination: regionB }
  await workInbox(cloud.b.runtime, [await signMessage(cloud.a.hsm, of, cloud.clock.now, question)])
  const [answer = ''] = await taken(cloud.a, 'outcome')
  const body = bodyOf(answer)
  if (body.kind !== 'compared') throw new Error('It is no answer to a comparison.')
  return body
}

test('a replica tells at most 600 keys at once, and what is left', async () => {
  const ids = await fill(cloud.b, 5, 650)
  await fill(cloud.b, 6, 3)
  const from = (leaf: number, after: string | null = null) => ({ leaf, after })
  const first = await answered([from(5), from(6), from(7)])
  expect(first.ranges?.map(({ leaf, through, keys }) => [leaf, through, keys.length])).toEqual([[5, ids[599], 600]])
  expect(first.left).toEqual([from(5, ids[599]), from(6), from(7)])
  const rest = await answered(first.left ?? [])
  expect(rest.ranges?.map(({ leaf, after, through, keys }) => [leaf, after, through, keys.length])).toEqual([
    [5, ids[599], null, 50],
    [6, null, null, 3],
    [7, null, null, 0],
  ])
  expect(rest.left).toEqual([])
  expect(rest.ranges?.[0]?.keys.map(({ id }) => id)).toEqual(ids.slice(600))
  const full = await answered([from(5, ids[49] ?? ''), from(6), from(7)])
  expect(full.ranges?.map(({ through, keys }) => [through, keys.length])).toEqual([[null, 600]])
  expect(full.left).toEqual([from(6), from(7)])
})

test('what one message cannot hold goes in several, each below its limit', async () => {
  const record = await vaultRecord(cloud.a.store.tables, vault.row)
  const large = { ...record, padding: 'x'.repeat(60_000) }
  await taken(cloud.b, 'inbox')
  await sendRecords(cloud.a.runtime, vault.row, regionB, [large, large, large, record, large])
  const sent = await taken(cloud.b, 'inbox')
  const counts = sent.map((text) => (bodyOf(text) as BodyOf<'records'>).records.length)
  expect(counts).toEqual([2, 3])
  for (const text of sent) expect(text.length).toBeLessThan(256_000)
  await sendRecords(cloud.a.runtime, vault.row, regionB, [])
  expect(await taken(cloud.b, 'inbox')).toEqual([])
})

test('receipts go back by the hundred, those of each tenancy under a signature of their own', async () => {
  const { body } = await makeKey(cloud, vault.row.id)
  const [text = ''] = await taken(cloud.b, 'inbox')
  const { records } = bodyOf(text) as BodyOf<'records'>
  const { id: vaultId, fence } = vault.row
  const many = Array.from({ length: 60 }, () => records[0]).filter((each) => each !== undefined)
  const of = { tenancyId: cloud.tenancyId, destination: regionB }
  const message = await signMessage(cloud.a.hsm, of, 0, { kind: 'records', vaultId, fence, records: many })
  await workInbox(cloud.b.runtime, [message, message])
  const answers = (await taken(cloud.a, 'outcome')).map(bodyOf)
  expect(answers.map((each) => (each as BodyOf<'receipts'>).receipts.length)).toEqual([100, 20])
  expect((await vaultSums(cloud.b.runtime, vault)).leaves.size).toBe(1)
  expect(await treeEntry(cloud.b.store.tables, vaultId, String(body['id']))).toBeDefined()
  expect(leafOf(String(body['id']))).toBeLessThan(1024)
})

test('a batch holds good messages up by bad ones neither way', async () => {
  const { body } = await makeKey(cloud, vault.row.id)
  const [good = ''] = await taken(cloud.b, 'inbox')
  const of = { tenancyId: cloud.tenancyId, destination: regionB }
  const misplaced = await signMessage(cloud.a.hsm, of, 0, { kind: 'identityReceipt', seq: 1 })
  const task = JSON.stringify({ format: 'vaultspan/task/1', task: 'resendVault', vaultId: vault.row.id })
  const outcomes = (await workInbox(cloud.b.runtime, ['{', misplaced, good, task])).map(({ outcome }) => outcome)
  expect(outcomes).toEqual(['failed', 'failed', 'done', 'failed'])
  expect(await cloud.b.store.tables.get('Keys', String(body['id']), 'key')).toBeDefined()
})
