import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WrappedVaultKeys } from '../../lib/hsm/hsm.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { canonicalJson, type JsonObject } from '../../lib/canonicalJson.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { materialIdOf, realm } from '../../lib/ocid.ts'
import type { Item } from '../../lib/ports.ts'
import { vaultContext } from '../../lib/kms/rows/rowMac.ts'
import { vaultKeysSk, type VaultKeysRow } from '../../lib/kms/vaultCache.ts'
import { signMessage, type Body } from '../../lib/replication/messages/signedMessage.ts'
import { keyRecords } from '../../lib/replication/messages/record.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { readHsmState, type KeptState } from '../../lib/aws/hsmStateRow.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { regionB, twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { changePolicy, openedVault, places, storedAt, writeChanged } from './newerRows.ts'
import { readStory, releases, releaseText } from './release.ts'
import { encryptedFor } from './encryptedStateFixture.ts'

/** Formats of lib that no release has written yet; each moves into a fixture with the next one. */
const unreleased: readonly string[] = [
  'vaultspan/audit-head/1',
  'vaultspan/audit-link/1',
  'vaultspan/coverage/2',
  'vaultspan/key-record/2',
  'vaultspan/receipt-row/2',
  'vaultspan/recovery-key/1',
  'vaultspan/transfer-bundle/1+oaep-sha1',
  'vaultspan/vault-keys/1+kms',
  'vaultspan/vault-keys/1+partition',
  'vaultspan/vault-keys/1+token',
  'vaultspan/work-request/1',
]
/** What only comes in or goes out: an operator's file, a proof or a token in an answer; no record of this service. */
const notStored = [
  'vaultspan/hsm-attestation/1',
  'vaultspan/hsm-backup/1',
  'vaultspan/hsm-ceremony/1',
  'vaultspan/proof-of-arrival/1',
  'vaultspan/recovery-share/1',
  'vaultspan/session/1',
  'vaultspan/vault-record-import/1',
]

function formatsIn(text: string): readonly string[] {
  return [...new Set(text.match(/vaultspan\/[a-z-]+\/\d+(?:\+[a-z0-9-]+)?/g))].sort()
}

test('a fixture holds every format that this version writes', () => {
  const sources = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const written = formatsIn(sources.map((name) => readFileSync(join('lib', name), 'utf8')).join('\n'))
  const kept = formatsIn(releases.map(releaseText).join('\n'))
  expect(written.length).toBeGreaterThan(20)
  expect(written.filter((format) => ![...kept, ...unreleased, ...notStored].includes(format))).toEqual([])
})

test.each(releases)('the encrypted HSM state of %s opens; one of another format is refused', async (version) => {
  const { item, dataKey } = readStory(version).sealedState
  const keys = {
    generateDataKey: () => Promise.reject(new Error('not here')),
    decrypt: async () => Buffer.from(dataKey, 'hex'),
  }
  const read = (row: object, known?: KeptState) => {
    // A release that kept no row for the revision alone: the state tells its own.
    const get = async (_table: string, _pk: string, sk: string) =>
      sk === row['sk' as never] ? (row as Item) : undefined
    const tables = { get, write: () => Promise.reject(new Error('not here')) }
    return readHsmState({ keys, ...encryptedFor, tables }, known)
  }
  const opened = await read(item)
  expect(opened).toMatchObject({ revision: 1, state: { region: encryptedFor.region } })
  expect(await read(item, opened as KeptState)).toBe('unchanged')
  expect(await read({ ...item, more: true })).toMatchObject({ revision: 1 })
  await expect(read({ ...item, format: 'vaultspan/sealed-hsm-state/2' })).rejects.toThrow(
    'has the format "vaultspan/sealed-hsm-state/2"; this version reads "vaultspan/sealed-hsm-state/1"',
  )
})

describe('in a cloud', () => {
  let cloud: TestCloud
  let vaultId: string
  let keyId: string
  let ciphertext: unknown
  beforeEach(async () => {
    cloud = await twoRegions()
    vaultId = await makeReplicatedVault(cloud)
    keyId = String((await makeKey(cloud, vaultId, { retryToken: 't' })).body['id'])
    ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
    await cloud.settle()
  })
  afterEach(() => {
    cloud.close()
  })
  const getKey = () => cloud.call(cloud.a, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId })

  test.each([
    ['vaultspan/vault/2', () => places.vault(vaultId)],
    ['vaultspan/key-row/2', () => places.key(keyId)],
  ])('a row of the format %s is refused, though its MAC is right, and others are served', async (format, place) => {
    const spare = await makeReplicatedVault(cloud)
    const other = String((await makeKey(cloud, spare)).body['id'])
    await writeChanged(cloud.a, await openedVault(cloud.a, vaultId), place(), { format })
    expect(await getKey()).toMatchObject({ status: 500 })
    expect(await encrypt(cloud, cloud.a, spare, other)).toMatch(/./)
  })

  test('a version row of another format is refused, and the key’s other versions serve', async () => {
    const { currentKeyVersion } = (await getKey()).body
    const old = materialIdOf(String(currentKeyVersion)) ?? ''
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId })
    const young = await encrypt(cloud, cloud.a, vaultId, keyId)
    const vault = await openedVault(cloud.a, vaultId)
    await writeChanged(cloud.a, vault, places.version(keyId, old), { format: 'vaultspan/key-version-row/2' })
    expect(await decrypt(cloud, cloud.a, vaultId, keyId, ciphertext)).toMatchObject({ status: 500 })
    expect(await decrypt(cloud, cloud.a, vaultId, keyId, young)).toMatchObject({ status: 200 })
  })

  test('a vault’s keys of another format are not unwrapped', async () => {
    const { row } = await openedVault(cloud.a, vaultId)
    const stored = await storedAt(cloud.a.store.tables, { table: 'Vaults', pk: vaultId, sk: vaultKeysSk })
    const { wrapped } = stored as unknown as VaultKeysRow
    const fresh = openSoftwareHsm({ region: cloud.a.hsm.region, realm, generateRsa: knownRsaPair })
    const newer = { ...wrapped, format: 'vaultspan/vault-keys/2' } as unknown as WrappedVaultKeys
    expect(() => fresh.openVault(vaultContext(row), newer)).toThrow('has the format "vaultspan/vault-keys/2"')
  })

  test('material of another format is not unwrapped, though the row that holds it is whole', async () => {
    const place = places.version(keyId, materialIdOf(String((await getKey()).body['currentKeyVersion'])) ?? '')
    const { wrapped } = await storedAt(cloud.a.store.tables, place)
    const newer = { ...(wrapped as JsonObject), format: 'vaultspan/key/2' }
    const vault = await openedVault(cloud.a, vaultId)
    await writeChanged(cloud.a, vault, place, { wrapped: newer })
    expect(await decrypt(cloud, cloud.a, vaultId, keyId, ciphertext)).toMatchObject({ status: 500 })
  })

  test('the row of a retry token of another format is refused, not taken for another request', async () => {
    const { request } = (await storedAt(cloud.a.store.tables, places.key(keyId))) as Item & { request: string }
    const row = await cloud.a.store.tables.get('Requests', request, 'request')
    await cloud.a.store.tables.write([
      {
        op: 'put',
        table: 'Requests',
        item: { ...(row as Item), format: 'vaultspan/request/2', digest: 'of another kind' },
      },
    ])
    expect(await makeKey(cloud, vaultId, { retryToken: 't' })).toMatchObject({ status: 500 })
  })

  test('a policy of another format gives nobody a permission: its entry waits for the upgrade, unapplied', async () => {
    const { list } = await cloud.call(cloud.a, 'GET', `/20160918/policies?compartmentId=${cloud.tenancyId}`)
    const id = String(list[0]?.['id'])
    // The log gives what it signs the formats that it knows, so the newer version signs an entry of its own below.
    await changePolicy(cloud.a, cloud.tenancyId, id, { description: 'newer' })
    const entry = await lastEntry()
    const puts = (entry['puts'] as readonly JsonObject[]).map((row) => ({ ...row, format: 'vaultspan/identity-row/2' }))
    for (const changed of [{ puts }, { format: 'vaultspan/identity-entry/2' }]) {
      const [delivered] = await inbox({ kind: 'identity', records: [await identityRecord({ ...entry, ...changed })] })
      expect(delivered).toMatchObject({ outcome: 'failed' })
      expect(String((delivered as { cause: unknown }).cause)).toMatch(/identity-(row|entry)\/2"; this version reads/)
    }
    const record = { ...(await identityRecord(entry)), format: 'vaultspan/identity-record/2' }
    expect(await inbox({ kind: 'identity', records: [record as never] })).toMatchObject([{ outcome: 'failed' }])
    expect(await cloud.b.store.tables.get('Identity', cloud.tenancyId, entry.sk)).toBeUndefined()
    expect(await inbox({ kind: 'identity', records: [await identityRecord(entry)] })).toEqual([{ outcome: 'done' }])
    expect(await cloud.b.store.tables.get('Identity', cloud.tenancyId, entry.sk)).toBeDefined()
  })

  test.each(['vaultspan/key-record/3', 'vaultspan/vault-record/2'])(
    'a record of the format %s fails by itself, and applies once it can be read',
    async (format) => {
      cloud.link.isUp = false
      const late = String((await makeKey(cloud, vaultId)).body['id'])
      cloud.link.isUp = true
      const { keys, row } = await openedVault(cloud.a, vaultId)

      const key = await cloud.a.runtime.cache.freshKey(keys, late)
      if (key === undefined) throw new Error('The key is not there.')
      const records = await keyRecords(cloud.a.runtime.tables, key, { whole: null })
      const body = { kind: 'records', vaultId, fence: row.fence, records } as const
      const unread = { ...body, records: records.map((record) => ({ ...record, format })) } as never
      expect(await inbox(unread)).toMatchObject([{ outcome: 'failed' }])
      expect(await cloud.b.runtime.cache.freshKey((await openedVault(cloud.b, vaultId)).keys, late)).toBeUndefined()
      expect(await inbox(body)).toEqual([{ outcome: 'done' }])
      expect(await cloud.b.runtime.cache.freshKey((await openedVault(cloud.b, vaultId)).keys, late)).toMatchObject({
        lifecycleState: 'ENABLED',
      })
    },
  )

  test('an envelope, a task and a body of another kind fail by themselves, and nothing beside them waits', async () => {
    const good = await signed({ kind: 'purge', vaultId: 'ocid1.vault.oc1..unknown', fence: 1 })
    const envelope = JSON.stringify({ ...(JSON.parse(good) as object), format: 'vaultspan/envelope/2' })
    const task = JSON.stringify({ format: 'vaultspan/task/2', task: 'purgeKeys', vaultId })
    const kind = await signed({ kind: 'rebalance', vaultId } as never)
    const delivered = await workInbox(cloud.b.runtime, [envelope, good, task, kind])
    expect(delivered.map(({ outcome }) => outcome)).toEqual(['failed', 'done', 'failed', 'failed'])
    for (const text of [envelope, task, kind]) await expect(workOutcome(cloud.b.runtime, text)).rejects.toThrow()
  })

  async function lastEntry(): Promise<Item> {
    const head = await cloud.a.store.tables.get('Identity', cloud.tenancyId, identitySk.head)
    const entry = await cloud.a.store.tables.get('Identity', cloud.tenancyId, identitySk.log(Number(head?.['seq'])))
    if (entry === undefined) throw new Error('The log is empty.')
    return entry
  }

  /** Signed by the home region, as whatever version of it wrote the entry. */
  async function identityRecord(changed: Item) {
    const { signature: _old, writeId: _written, ...entry } = changed as JsonObject
    const signature = (await cloud.a.hsm.sign(Buffer.from(canonicalJson(entry)))).toString('base64')
    return { format: 'vaultspan/identity-record/1', entry: { ...entry, signature } } as const
  }

  const signed = (body: Body) =>
    signMessage(cloud.a.hsm, { tenancyId: cloud.tenancyId, destination: regionB }, cloud.clock.now, body)
  const inbox = async (body: Body) => workInbox(cloud.b.runtime, [await signed(body)])
})
