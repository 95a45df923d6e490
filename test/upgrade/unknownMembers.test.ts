import { minuteMark, auditWrite, type AuditEvent } from '../../lib/kms/audit.ts'
import { canonicalJson, type JsonObject } from '../../lib/canonicalJson.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { materialIdOf } from '../../lib/ocid.ts'
import { verifyMessage, signMessage } from '../../lib/replication/messages/signedMessage.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { changePolicy, newer, openedVault, places, storedAt, writeChanged, type Place } from './newerRows.ts'

/** While a deployment is upgraded, this version meets what the next one writes. */

const cloud = cloudOfEachTest({ preparesKeys: true })
let vaultId: string
let keyId: string
let materialId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  const { body } = await makeKey(cloud, vaultId)
  keyId = String(body['id'])
  materialId = materialIdOf(String(body['currentKeyVersion'])) ?? ''
  await cloud.settle()
})

const onKey = (method: string, rest: string, body?: unknown) =>
  cloud.call(cloud.a, method, `/20180608/keys/${keyId}${rest}`, body, { host: vaultId })
const rows: readonly (readonly [string, () => Place])[] = [
  ['a vault', () => places.vault(vaultId)],
  ['a wrapping key', () => places.wrappingKey(vaultId)],
  ['a key', () => places.key(keyId)],
  ['a key version', () => places.version(keyId, materialId)],
]

/** All rows as the next version would have written them, and the stream told of it. */
async function writeNewerRows(): Promise<void> {
  const vault = await openedVault(cloud.a, vaultId)
  for (const [, place] of rows) await writeChanged(cloud.a, vault, place(), newer)
  await cloud.settle()
}

describe('a member that this version does not know', () => {
  beforeEach(writeNewerRows)

  test.each(rows)('in the row of %s crosses to the replica as it is', async (_what, place) => {
    const [here, there] = [await storedAt(cloud.a.store.tables, place()), await storedAt(cloud.b.store.tables, place())]
    expect(here).toMatchObject(newer)
    expect(there).toMatchObject({ ...newer, mac: here['mac'], revision: here['revision'] })
  })

  test('does not keep keys from working, in the source and in the replica', async () => {
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
    for (const region of [cloud.a, cloud.b])
      expect(await decrypt(cloud, region, vaultId, keyId, ciphertext)).toMatchObject({ status: 200 })
    expect(await onKey('GET', '')).toMatchObject({ status: 200 })
  })

  test('is covered by the row MAC: who changes it in the table is found out', async () => {
    const { writeId: _written, ...row } = await storedAt(cloud.a.store.tables, places.key(keyId))
    const residency = { only: ['us'], until: null }
    await cloud.a.store.tables.write([{ op: 'put', table: 'Keys', item: { ...row, residency } }])
    expect(await onKey('GET', '')).toMatchObject({ status: 500 })
  })

  test('stays when this version writes the rows again, in both regions', async () => {
    await onKey('PUT', '', { displayName: 'renamed' })
    await onKey('POST', '/actions/disable')
    await onKey('POST', '/actions/enable')
    await onKey('POST', '/keyVersions', {})
    await onKey(
      'POST',
      `/keyVersions/${String((await onKey('GET', '/keyVersions')).list.at(-1)?.['id'])}/actions/scheduleDeletion`,
      {
        timeOfDeletion: new Date(cloud.clock.now + 8 * 86_400_000),
      },
    )
    await cloud.call(cloud.a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'renamed' })
    await cloud.settle()
    for (const [, place] of rows)
      for (const { store } of [cloud.a, cloud.b]) expect(await storedAt(store.tables, place())).toMatchObject(newer)
  })

  test('stays when what fell due is done: in the tombstone, for the version that reads it', async () => {
    await onKey('POST', '/actions/scheduleDeletion', { timeOfDeletion: new Date(cloud.clock.now + 8 * 86_400_000) })
    cloud.clock.now += 9 * 86_400_000
    await cloud.runDue()
    await cloud.settle()
    for (const { store } of [cloud.a, cloud.b])
      for (const place of [places.key(keyId), places.version(keyId, materialId)])
        expect(await storedAt(store.tables, place)).toMatchObject({ ...newer, lifecycleState: 'DELETED' })
  })

  test('goes into a backup and comes back from it, in the other region', async () => {
    const alone = await makeAlone()
    const place = { backupLocation: { destination: 'BUCKET', namespace: 'ns', bucketName: 'b', objectName: 'v' } }
    await cloud.call(cloud.a, 'POST', `/20180608/vaults/${alone}/actions/backup`, { ...place, isIncludeKeys: true })
    const path = `/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${cloud.tenancyId}`
    const restored = await cloud.call(cloud.b, 'POST', path, place)
    expect(restored).toMatchObject({ status: 200 })
    expect(await storedAt(cloud.b.store.tables, places.vault(String(restored.body['id'])))).toMatchObject(newer)
  })
})

/** A vault without a replica, whose row is a newer version's. */
async function makeAlone(): Promise<string> {
  const details = { compartmentId: cloud.tenancyId, displayName: 'alone', vaultType: 'VIRTUAL_PRIVATE' }
  const { body } = await cloud.call(cloud.a, 'POST', '/20180608/vaults', details)
  const id = String(body['id'])
  await writeChanged(cloud.a, await openedVault(cloud.a, id), places.vault(id), newer)
  return id
}

test('in a backup document an unknown member is covered by its MAC, and else ignored', async () => {
  const alone = await makeAlone()
  const { keys } = await openedVault(cloud.a, alone)
  const place = { backupLocation: { destination: 'BUCKET', namespace: 'ns', bucketName: 'b', objectName: 'v' } }
  await cloud.call(cloud.a, 'POST', `/20180608/vaults/${alone}/actions/backup`, place)
  const [[path, text] = ['', '']] = cloud.backups
  const { mac: _mac, ...document } = JSON.parse(text) as JsonObject
  const restore = () =>
    cloud.call(
      cloud.b,
      'POST',
      `/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${cloud.tenancyId}`,
      place,
    )
  cloud.backups.set(path, JSON.stringify({ ...document, ...newer, mac: _mac }))
  expect(await restore()).toMatchObject({ status: 400 })
  const mac = keys.rowMac(canonicalJson({ ...document, ...newer })).toString('base64')
  cloud.backups.set(path, JSON.stringify({ ...document, ...newer, mac }))
  expect(await restore()).toMatchObject({ status: 200 })
})

test('an identity row with an unknown member judges requests, crosses and stays when it is changed here', async () => {
  const policies = `/20160918/policies`
  const [policy] = (await cloud.call(cloud.a, 'GET', `${policies}?compartmentId=${cloud.tenancyId}`)).list
  const id = String(policy?.['id'])
  await changePolicy(cloud.a, cloud.tenancyId, id, newer)
  await cloud.settle()
  expect(await cloud.call(cloud.a, 'PUT', `${policies}/${id}`, { description: 'changed' })).toMatchObject({
    status: 200,
  })
  await cloud.settle()
  for (const region of [cloud.a, cloud.b]) {
    const row = await region.store.tables.get('Identity', cloud.tenancyId, identitySk.policy(id))
    expect(row).toMatchObject({ ...newer, description: 'changed' })
    expect(await cloud.call(region, 'GET', `${policies}/${id}`)).toMatchObject({ status: 200 })
  }
})

test('an audit event with an unknown member is listed whole', async () => {
  const eventTime = new Date(cloud.clock.now).toISOString()
  const event: AuditEvent = {
    ...newer,
    eventType: 'com.example.Newer',
    eventId: 'f0000000-0000-4000-8000-000000000000',
    eventTime,
    data: { compartmentId: cloud.tenancyId, ...newer },
  }
  await cloud.a.store.tables.write([auditWrite(event), minuteMark(event)])
  const day = eventTime.slice(0, 11)
  const query = `compartmentId=${cloud.tenancyId}&startTime=${day}00:00:00Z&endTime=${day}23:59:59Z`
  const { list } = await cloud.call(cloud.a, 'GET', `/20190901/auditEvents?${query}`)
  expect(list).toContainEqual(event)
})

describe('an envelope', () => {
  const body = { kind: 'purge', vaultId: 'ocid1.vault.oc1..v', fence: 1, ...newer } as const
  const signed = async () =>
    JSON.parse(await signMessage(cloud.a.hsm, { tenancyId: cloud.tenancyId, destination: regionB }, 1, body)) as Record<
      string,
      string
    >

  test('opens with unknown members in its body', async () => {
    const opened = await verifyMessage(cloud.b.hsm, JSON.stringify(await signed()))
    expect(opened).toMatchObject({ source: regionA, body })
  })

  test('opens with unknown members beside the body where they are signed, and hands them on in its proof', async () => {
    const { body: text = '', statement, signature: _old, ...head } = await signed()
    const { digest } = (await verifyMessage(cloud.b.hsm, JSON.stringify(await signed()))).proof
    const bytes = Buffer.from(canonicalJson({ ...head, ...newer, digest: digest as string }))
    const signature = (await cloud.a.hsm.sign(bytes)).toString('base64')
    const opened = await verifyMessage(
      cloud.b.hsm,
      JSON.stringify({ ...head, ...newer, body: text, statement, signature }),
    )
    expect(opened).toMatchObject({ body, proof: newer })
  })

  test('is refused with unknown members that somebody put there on the way', async () => {
    await expect(verifyMessage(cloud.b.hsm, JSON.stringify({ ...(await signed()), ...newer }))).rejects.toMatchObject({
      code: 'integrityFailure',
    })
  })
})
