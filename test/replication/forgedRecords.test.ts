import type { Hsm } from '../../lib/hsm/hsm.ts'
import { keyWithMac, vaultWithMac, versionWithMac, wrappingKeyWithMac } from '../../lib/kms/rows/rowMac.ts'
import type { KeyRow, KeyVersionRow, VaultRow, WrappingKeyRow } from '../../lib/kms/rows/rows.ts'
import type { Vault } from '../../lib/kms/vaultCache.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { keyRecords, vaultRecord, type KeyRecord, type VaultRecord } from '../../lib/replication/messages/record.ts'
import { signMessage, type Body } from '../../lib/replication/messages/signedMessage.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** What a region of the tenancy can sign, with rows under the vault's own MAC key, and must not be believed. */

const cloud = cloudOfEachTest()
let vault: Vault
let keyRecord: KeyRecord
beforeEach(async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body } = await makeKey(cloud, vaultId)
  await cloud.call(cloud.a, 'GET', '/20180608/wrappingKeys', undefined, { host: vaultId })
  await cloud.settle()
  const { cache, tables } = cloud.a.runtime
  vault = (await cache.freshVault(vaultId)) as Vault
  const key = (await cache.freshKey(vault.keys, String(body['id']))) as KeyRow
  ;[keyRecord] = (await keyRecords(tables, key, { whole: null })) as [KeyRecord]
})

type Signer = Pick<Hsm, 'region' | 'sign' | 'statement'>

interface Message {
  readonly signer?: Signer
  readonly tenancyId?: string
  readonly destination?: string
}

function signed(body: Body, { signer = cloud.a.hsm, destination = regionB, tenancyId }: Message = {}): Promise<string> {
  return signMessage(signer, { tenancyId: tenancyId ?? cloud.tenancyId, destination }, cloud.clock.now, body)
}

const recordsOf = (...records: readonly (KeyRecord | VaultRecord)[]): Body => {
  const { id: vaultId, fence } = vault.row
  return { kind: 'records', vaultId, fence, records }
}
const vaultsRecord = () => vaultRecord(cloud.a.runtime.tables, vault.row)
const refused = { outcome: 'failed', cause: expect.objectContaining({ code: 'integrityFailure' }) as unknown }

/** Refused by the replica, in which nothing changes. */
async function expectRefused(text: string, region = cloud.b): Promise<void> {
  const before = await storedRows(region, vault.row.id)
  expect(before).toBeDefined()
  expect(await workInbox(region.runtime, [text])).toEqual([refused])
  expect(await storedRows(region, vault.row.id)).toEqual(before)
}

const later = <R extends VaultRow | KeyRow | KeyVersionRow>(row: R): R => ({ ...row, revision: row.revision + 1 })

test('a record as the primary sends it is taken', async () => {
  const { keys, row } = vault
  const renamed = vaultWithMac(keys, { ...later(row), displayName: 'renamed' })
  const record = { ...(await vaultsRecord()), vault: { ...renamed } }
  expect(await workInbox(cloud.b.runtime, [await signed(recordsOf(record, keyRecord))])).toEqual([{ outcome: 'done' }])
  expect((await cloud.b.runtime.cache.freshVault(row.id))?.row.displayName).toBe('renamed')
})

test('a region says nothing in another region’s name', async () => {
  const { hsm } = cloud.b
  const asPrimary = {
    region: regionA,
    sign: (bytes: Uint8Array) => hsm.sign(bytes),
    statement: (of: string) => hsm.statement(of),
  }
  await expectRefused(await signed(recordsOf(await vaultsRecord()), { signer: asPrimary }))
})

test('a region says nothing in another tenancy’s name', async () => {
  const { hsm } = cloud.a
  const other = await cloud.addTenancy()
  const ofTenancy = {
    region: regionA,
    sign: (bytes: Uint8Array) => hsm.sign(bytes),
    statement: () => hsm.statement(other.tenancyId),
  }
  await expectRefused(await signed(recordsOf(await vaultsRecord()), { signer: ofTenancy }))
})

test('a message for one region is none for another', async () => {
  await expectRefused(await signed(recordsOf(await vaultsRecord()), { destination: regionA }))
})

test('records come from the vault’s own tenancy alone', async () => {
  const { tenancyId } = await cloud.addTenancy()
  await expectRefused(await signed(recordsOf(await vaultsRecord()), { tenancyId }))
})

test('a primary takes no records of its own vault', async () => {
  await expectRefused(await signed(recordsOf(await vaultsRecord()), { destination: regionA }), cloud.a)
})

test.each<[string, (row: VaultRow) => object]>([
  ['that makes the replica the primary', () => ({ primaryRegion: regionB })],
  ['of another vault', ({ id }) => ({ id: `${id}x` })],
  ['at another vault’s place', ({ id }) => ({ pk: `${id}x` })],
])('a vault’s row %s is refused', async (_, change) => {
  const { keys, row } = vault
  const altered = vaultWithMac(keys, { ...later(row), ...change(row) })
  await expectRefused(await signed(recordsOf({ ...(await vaultsRecord()), vault: { ...altered } })))
})

test.each<[string, (row: WrappingKeyRow) => object]>([
  ['of another vault', ({ vaultId }) => ({ vaultId: `${vaultId}x` })],
  ['at another vault’s place', ({ pk }) => ({ pk: `${pk}x` })],
  ['that the vault does not name', ({ id }) => ({ id: `${id}x` })],
])('a wrapping key %s is refused', async (_, change) => {
  const record = await vaultsRecord()
  const row = record.wrappingKey as unknown as WrappingKeyRow
  const altered = wrappingKeyWithMac(vault.keys, { ...row, revision: row.revision + 1, ...change(row) })
  const next = vaultWithMac(vault.keys, later(vault.row))
  await expectRefused(await signed(recordsOf({ ...record, vault: { ...next }, wrappingKey: { ...altered } })))
})

test.each<[string, (row: KeyRow) => object]>([
  ['of another vault', ({ vaultId }) => ({ vaultId: `${vaultId}x` })],
  ['at another key’s place', ({ pk }) => ({ pk: `${pk}x` })],
  ['at a version’s place', () => ({ sk: 'version#0' })],
  ['without its current version', ({ currentKeyVersion: id }) => ({ currentKeyVersion: `${id}x` })],
])('a key %s is refused', async (_, change) => {
  const altered = keyWithMac(vault.keys, { ...later(keyRecord.key), ...change(keyRecord.key) })
  await expectRefused(await signed(recordsOf({ ...keyRecord, key: { ...altered } })))
})

test.each<[string, (row: KeyVersionRow) => object]>([
  ['of another key', ({ keyId }) => ({ keyId: `${keyId}x` })],
  ['at another key’s place', ({ pk }) => ({ pk: `${pk}x` })],
  ['at another version’s place', ({ sk }) => ({ sk: `${sk}0` })],
])('a key with a version %s is refused', async (_, change) => {
  const [current] = keyRecord.versions
  if (current === undefined) throw new Error('The record has no version.')
  const altered = versionWithMac(vault.keys, { ...later(current), ...change(current) })
  await expectRefused(await signed(recordsOf({ ...keyRecord, versions: [...keyRecord.versions, { ...altered }] })))
})
