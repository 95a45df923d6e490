import { keySk } from '../../lib/kms/rows/rows.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { receiptBatch } from '../../lib/replication/messages/receipts.ts'
import { vaultRecord } from '../../lib/replication/messages/record.ts'
import { signMessage, type Body } from '../../lib/replication/messages/signedMessage.ts'
import { taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

async function sourceVault() {
  const vault = await cloud.a.runtime.cache.freshVault(vaultId)
  if (vault === undefined) throw new Error('The vault is missing.')
  return vault
}

test('rows under a valid MAC are taken from the primary alone, not from whoever holds the vault’s keys', async () => {
  const { row } = await sourceVault()
  const records = [await vaultRecord(cloud.a.store.tables, row)]
  const body = { kind: 'records', vaultId, fence: row.fence, records } as const
  const of = { tenancyId: cloud.tenancyId, destination: regionB }
  const [byPrimary, byReplica] = await Promise.all(
    [cloud.a, cloud.b].map(({ hsm }) => signMessage(hsm, of, cloud.clock.now, body)),
  )
  expect(await workInbox(cloud.b.runtime, [byPrimary ?? ''])).toEqual([{ outcome: 'done' }])
  expect(await workInbox(cloud.b.runtime, [byReplica ?? ''])).toEqual([
    { outcome: 'failed', cause: expect.objectContaining({ code: 'integrityFailure' }) as unknown },
  ])
})

test('a receipt that is not a leaf of the batch that was signed is refused', async () => {
  const { row } = await sourceVault()
  const { body: key } = await makeKey(cloud, vaultId)
  const keyId = String(key['id'])
  const stored = await cloud.a.store.tables.get('Keys', keyId, keySk)
  const receipt = {
    vaultId,
    resourceId: keyId,
    fence: row.fence,
    sequence: 1,
    covered: { epoch: row.epoch, revision: 1 },
    digest: stored === undefined ? '' : JSON.stringify(stored['mac']),
    versions: null,
    committedAt: cloud.clock.now,
    isGap: false,
  }
  const signed = await signMessage(cloud.b.hsm, { tenancyId: cloud.tenancyId, destination: regionA }, cloud.clock.now, {
    kind: 'receipts',
    ...receiptBatch([receipt]),
  })
  const altered = signed.replace('\\"revision\\":1}', '\\"revision\\":2}')
  expect(altered).not.toBe(signed)
  await expect(workOutcome(cloud.a.runtime, altered)).rejects.toThrow('does not lead to the root')
  await expect(workOutcome(cloud.a.runtime, signed)).resolves.toBeUndefined()
})

test.each(['compare', 'purge'] as const)('a %s is taken from the primary alone', async (kind) => {
  const { row } = await sourceVault()
  const fence = kind === 'purge' ? row.fence + 1 : row.fence
  const question = { askedAt: 0, vaultDigest: '', root: '' }
  const body = { kind, vaultId, fence, ...(kind === 'compare' ? question : {}) } as Body
  const of = { tenancyId: cloud.tenancyId, destination: regionB }
  const byReplica = await signMessage(cloud.b.hsm, of, cloud.clock.now, body)
  const other = await cloud.addTenancy()
  const byTenant = await signMessage(cloud.a.hsm, { ...of, tenancyId: other.tenancyId }, cloud.clock.now, body)
  const refused = { outcome: 'failed', cause: expect.objectContaining({ code: 'integrityFailure' }) as unknown }
  expect(await workInbox(cloud.b.runtime, [byReplica])).toEqual([refused])
  expect(await workInbox(cloud.b.runtime, [byTenant])).toEqual([refused])
  expect(await cloud.b.store.tables.get('Vaults', vaultId, 'vault')).toBeDefined()
  expect(await taken(cloud.a, 'outcome')).toEqual([])
  const toPrimary = await signMessage(cloud.a.hsm, { ...of, destination: regionA }, cloud.clock.now, body)
  expect(await workInbox(cloud.a.runtime, [toPrimary])).toEqual([refused])
  expect(await cloud.a.store.tables.get('Vaults', vaultId, 'vault')).toBeDefined()
})
