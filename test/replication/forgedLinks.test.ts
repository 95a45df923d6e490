import { vaultWithMac } from '../../lib/kms/rows/rowMac.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import { transferContext } from '../../lib/replication/link/transferContext.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { receiptBatch } from '../../lib/replication/messages/receipts.ts'
import { signMessage, type Body, type BodyOf } from '../../lib/replication/messages/signedMessage.ts'
import { bodyOf, taken, workOutcomeOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB, type TestRegion } from '../harness/twoRegions.ts'
import {
  allowReplication,
  createReplica,
  deleteReplica,
  makeReplicatedVault,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'

/** A link between two regions: whose words about it count. */

const cloud = cloudOfEachTest()

interface From {
  readonly by?: TestRegion
  readonly tenancyId?: string
  readonly destination?: string
}

function signed(body: Body, { by = cloud.a, tenancyId, destination = regionB }: From = {}): Promise<string> {
  return signMessage(by.hsm, { tenancyId: tenancyId ?? cloud.tenancyId, destination }, cloud.clock.now, body)
}

async function sourceVault(vaultId: string): Promise<Vault> {
  const vault = await cloud.a.runtime.cache.freshVault(vaultId)
  if (vault === undefined) throw new Error('The vault is missing.')
  return vault
}

const refused = { outcome: 'refused', cause: expect.objectContaining({ code: 'integrityFailure' }) as unknown }

async function isRefused(text: string, { runtime } = cloud.b): Promise<void> {
  expect(await workInbox(runtime, [text])).toEqual([refused])
}

const rowsOf = async (region: TestRegion, vaultId: string) => {
  const { tables } = region.store
  const rows = await tables.query('Vaults', vaultId, '', { limit: 10 })
  const transports = await tables.query('Replication', `transport#${vaultId}`, '', { limit: 10 })
  return [...rows.items, ...transports.items]
}

async function newVault(): Promise<string> {
  const vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  await cloud.settle()
  return vaultId
}

describe('the request for a replica', () => {
  async function requestOf(vaultId: string, change: object): Promise<BodyOf<'linkRequest'>> {
    const { row } = await sourceVault(vaultId)
    const context = { ...transferContext(row, regionB), ...change }
    return { kind: 'linkRequest', vaultId, fence: row.fence + 1, context }
  }

  test.each<[string, (of: { readonly tenancyId: string }) => object]>([
    ['another region', () => ({ destination: 'eu-frankfurt-1' })],
    ['another source', () => ({ source: 'eu-frankfurt-1' })],
    ['another vault', () => ({ vaultId: 'ocid1.vault.oc1.iad.another' })],
    ['another tenancy', ({ tenancyId }) => ({ tenancyId })],
    ['another realm', () => ({ realm: 'oc2' })],
  ])('that is for %s is refused', async (_, change) => {
    const vaultId = await newVault()
    await isRefused(await signed(await requestOf(vaultId, change(await cloud.addTenancy()))))
    expect(await rowsOf(cloud.b, vaultId)).toEqual([])
    expect(await workInbox(cloud.b.runtime, [await signed(await requestOf(vaultId, {}))])).toEqual([
      { outcome: 'done' },
    ])
  })

  test('is taken from the region that writes the vault alone', async () => {
    const vaultId = await newVault()
    const context = { source: regionB, destination: regionA }
    const body = { ...(await requestOf(vaultId, context)), fence: 0 }
    await isRefused(await signed(body, { by: cloud.b, destination: regionA }), cloud.a)
    expect(await taken(cloud.b, 'outcome')).toEqual([])
  })

  test('is taken from the vault’s tenancy alone', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { tenancyId } = await cloud.addTenancy()
    const { row } = await sourceVault(vaultId)
    const body = { ...(await requestOf(vaultId, { tenancyId })), fence: row.fence }
    await isRefused(await signed(body, { tenancyId }))
    expect(await taken(cloud.a, 'outcome')).toEqual([])
  })

  test('takes the place of a deleted vault in its own tenancy alone', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { tenancyId } = await cloud.addTenancy()
    const day = 86_400_000
    const timeOfDeletion = new Date(cloud.clock.now + 8 * day).toISOString()
    await cloud.call(cloud.a, 'POST', `/20180608/vaults/${vaultId}/actions/scheduleDeletion`, { timeOfDeletion })
    cloud.clock.now += 9 * day
    await cloud.runDue()
    await cloud.settle()
    const before = await rowsOf(cloud.b, vaultId)
    expect(before).toContainEqual(expect.objectContaining({ id: vaultId, lifecycleState: 'DELETED' }))
    await isRefused(await signed(await requestOf(vaultId, { tenancyId }), { tenancyId }))
    expect(await rowsOf(cloud.b, vaultId)).toEqual(before)
  })
})

describe('the vault’s row that comes with its keys', () => {
  test.each<[string, (vaultId: string) => object]>([
    ['of another link', () => ({ fence: 7 })],
    ['of another epoch', () => ({ epoch: '0000000009.us-ashburn-1' })],
    ['of another replica', () => ({ replicaRegion: 'eu-frankfurt-1' })],
    ['of another primary', () => ({ primaryRegion: regionB })],
    ['of another tenancy', () => ({ tenancyId: 'ocid1.tenancy.oc1..another' })],
    ['of another vault', (id) => ({ id: `${id}x` })],
    ['at another vault’s place', (id) => ({ pk: `${id}x` })],
    ['of a vault that is not private', () => ({ vaultType: 'DEFAULT' })],
  ])('is refused where it is %s', async (_, change) => {
    const vaultId = await newVault()
    await createReplica(cloud, vaultId)
    let bundle = ''
    for (let round = 0; round < 20 && bundle === ''; round += 1) {
      for (const text of await taken(cloud.b, 'inbox')) {
        if (bodyOf(text).kind === 'linkBundle') bundle = text
        else await workInbox(cloud.b.runtime, [text])
      }
      await workOutcomeOf(cloud.a)
    }
    const body = bodyOf(bundle) as BodyOf<'linkBundle'>
    const { keys } = await sourceVault(vaultId)
    const altered = vaultWithMac(keys, { ...body.vault.vault, ...change(vaultId) })
    await isRefused(await signed({ ...body, vault: { ...body.vault, vault: { ...altered } } }))
    expect((await rowsOf(cloud.b, vaultId)).map(({ sk }) => sk)).not.toContain('keys')
    expect(await workInbox(cloud.b.runtime, [bundle])).toEqual([{ outcome: 'done' }])
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  })
})

describe('an answer about a link', () => {
  const answers = (vaultId: string, fence: number): readonly Body[] => [
    { kind: 'linkAccepted', vaultId, fence },
    { kind: 'purged', vaultId, fence },
    { kind: 'compared', vaultId, fence, askedAt: 0, vaultDigest: '', isEqual: true },
    {
      kind: 'receipts',
      ...receiptBatch([
        {
          vaultId,
          resourceId: vaultId,
          fence,
          sequence: 1_000,
          covered: { epoch: '9', revision: 1 },
          digest: '',
          versions: null,
          committedAt: 0,
          isGap: false,
        },
      ]),
    },
  ]

  test('is taken from the replica alone, and in the vault’s tenancy', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { tenancyId } = await cloud.addTenancy()
    const { row } = await sourceVault(vaultId)
    for (const body of answers(vaultId, row.fence)) {
      const texts = [
        await signed(body, { destination: regionA }),
        await signed(body, { by: cloud.b, tenancyId, destination: regionA }),
      ]
      for (const text of texts)
        await expect(workOutcome(cloud.a.runtime, text)).rejects.toMatchObject({ code: 'integrityFailure' })
    }
    expect((await sourceVault(vaultId)).row).toEqual(row)
  })

  test('of an earlier replica says nothing about the present one', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    await deleteReplica(cloud, vaultId)
    const { row: earlier } = await sourceVault(vaultId)
    await cloud.settle()
    await createReplica(cloud, vaultId)
    await cloud.settle()
    cloud.link.isUp = false
    await deleteReplica(cloud, vaultId)
    const { row } = await sourceVault(vaultId)
    expect(row).toMatchObject({ replicaStatus: 'DELETING' })
    for (const body of answers(vaultId, earlier.fence))
      await workOutcome(cloud.a.runtime, await signed(body, { by: cloud.b, destination: regionA }))
    expect((await sourceVault(vaultId)).row).toEqual(row)
  })
})
