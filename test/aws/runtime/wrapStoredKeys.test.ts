import { readHsmState, writeHsmState } from '../../../lib/aws/hsmStateRow.ts'
import { KmsHsm } from '../../../lib/aws/kms/kmsHsm.ts'
import type { WrapCursor } from '../../../lib/aws/kms/vaultPage.ts'
import { wrapStoredKeys } from '../../../lib/aws/kms/wrapStoredKeys.ts'
import { rewrapKeys, type RewrapProgress } from '../../../lib/aws/rewrapKeys.ts'
import type { WrappedVaultKeys } from '../../../lib/hsm/hsm.ts'
import { SoftwareHsm } from '../../../lib/hsm/software/softwareHsm.ts'
import { systemMutation } from '../../../lib/kms/systemMutation.ts'
import { createVault } from '../../../lib/kms/vaults/vaults.ts'
import { storedVaultKeys } from '../../../lib/kms/vaultCache.ts'
import type { Tables } from '../../../lib/ports.ts'
import { jsonLogger } from '../../../lib/runtime/jsonLogger.ts'
import { cloudOfEachTest } from '../../harness/cloudOfEachTest.ts'
import { composeTestRegion, regionA, type TestRegion } from '../../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey, makeReplicatedVault, makeVault } from '../../harness/vaultStory.ts'
import { tablesWith } from '../../../lib/tablesWith.ts'

/** A cloud of an older version, whose vaults' keys no key service has wrapped, and what becomes of it. */

const cloud = cloudOfEachTest({ preparesKeys: true })

function underKms({ hsm, keks: keys, runtime: { region } }: TestRegion): KmsHsm {
  if (!(hsm instanceof SoftwareHsm)) throw new Error('unreachable')
  return new KmsHsm(hsm, { keys, region, resourcePrefix: 'vaultspan-test' })
}

/** All pages. */
async function wrapAll(region: TestRegion, tables: Tables = region.store.tables): Promise<number> {
  const ports = { ...region.runtime, tables, hsm: underKms(region) }
  let count = 0
  let from: WrapCursor | undefined
  do {
    const { wrapped, next } = await wrapStoredKeys(ports, cloud.tenancyId, from)
    count += wrapped
    from = next
  } while (from !== undefined)
  return count
}

/** The same region, run by this version. */
function upgraded(region: TestRegion): TestRegion {
  const { tables, queues, clock } = region.runtime
  const log = jsonLogger(() => undefined, 'silent')
  const runtime = composeTestRegion({
    region: region.runtime.region,
    tables,
    queues,
    hsm: underKms(region),
    clock,
    log,
    backups: region.runtime.backups,
  })
  return { ...region, runtime }
}

const keysOf = async ({ store }: TestRegion, vaultId: string) => storedVaultKeys(store.tables, vaultId)

test('in both regions every vault’s KEKs come under the key service, and ciphertexts and backups open as before', async () => {
  const { a, b, tenancyId, call } = cloud
  const vaultId = await makeReplicatedVault(cloud)
  const keyId = String((await makeKey(cloud, vaultId)).body['id'])
  const ciphertext = await encrypt(cloud, a, vaultId, keyId)
  await makeVault(cloud, 'DEFAULT')
  const place = { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName: 'before' }
  const other = `/20180608/vaults/${await makeVault(cloud)}`
  const saved = await call(a, 'POST', `${other}/actions/backup`, { backupLocation: place })
  expect(saved.status).toBe(200)
  await cloud.settle()

  expect([await wrapAll(a), await wrapAll(b)]).toEqual([3, 1])
  for (const region of [a, b]) {
    expect(await keysOf(region, vaultId)).toMatchObject({ format: 'vaultspan/vault-keys/1+kms' })
    const { status, body } = await decrypt(cloud, upgraded(region), vaultId, keyId, ciphertext)
    expect([status, body['plaintext']]).toEqual([200, Buffer.from('hello').toString('base64')])
  }
  expect([await wrapAll(a), await wrapAll(b)]).toEqual([0, 0])
  // Under another OCID, by the tenancy's backup keys, which crossed before.
  const restore = `/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${tenancyId}`
  const restored = await call(upgraded(b), 'POST', restore, { backupLocation: place })
  expect(restored.status).toBe(200)
})

test('where the key service refuses, vaults are listed and read and policies made, and no key is used', async () => {
  const { a, tenancyId, call } = cloud
  const vaultId = await makeVault(cloud)
  const keyId = String((await makeKey(cloud, vaultId)).body['id'])
  await cloud.settle()
  await wrapAll(a)
  const now = upgraded(a)
  a.keks.refuses = new Error('AccessDeniedException')
  a.keks.calls.length = 0
  const listed = await call(now, 'GET', `/20180608/vaults?compartmentId=${tenancyId}`)
  expect(listed.list.map(({ id }) => id)).toEqual([vaultId])
  const statements = ['Allow group Administrators to read vaults in tenancy']
  const policy = { compartmentId: tenancyId, name: 'p', description: 'd', statements }
  const key = `/20180608/keys/${keyId}`
  const statuses = [
    await call(now, 'GET', `/20180608/vaults/${vaultId}`),
    await call(now, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'renamed' }),
    await call(now, 'POST', '/20160918/policies', policy),
    await call(now, 'GET', key, undefined, { host: vaultId }),
    await call(now, 'POST', `${key}/actions/disable`, undefined, { host: vaultId }),
    await call(now, 'POST', `${key}/actions/enable`, undefined, { host: vaultId }),
  ].map(({ status }) => status)
  expect(statuses).toEqual([200, 200, 200, 200, 200, 200])
  expect(a.keks.calls).toEqual([])
  const plaintext = Buffer.from('x').toString('base64')
  const used = await call(now, 'POST', '/20180608/encrypt', { keyId, plaintext }, { host: vaultId })
  expect(used.status).toBe(500)
})

test('more vaults than one call looks at, in several compartments, are done by as many calls as it takes', async () => {
  const { a, tenancyId, call } = cloud
  const made = await call(a, 'POST', '/20160918/compartments', {
    compartmentId: tenancyId,
    name: 'c',
    description: 'd',
  })
  const compartmentId = String(made.body['id'])
  await makeVault(cloud)
  const of = { tenancyId, displayName: 'v', vaultType: 'DEFAULT', freeformTags: {}, definedTags: {} } as const
  const input = { ...of, compartmentId, compartmentIds: [tenancyId, compartmentId] }
  for (let each = 0; each < 101; each += 1) {
    await createVault(a.runtime, systemMutation(a.runtime, tenancyId, 'ImportVault'), input)
  }
  expect(await wrapAll(a)).toBe(102)
  expect(await wrapAll(a)).toBe(0)
})

test('a vault that is destroyed meanwhile stays destroyed', async () => {
  const { a, call, clock } = cloud
  const vaultId = await makeVault(cloud)
  await cloud.settle()
  const timeOfDeletion = new Date(clock.now + 8 * 86_400_000).toISOString()
  await call(a, 'POST', `/20180608/vaults/${vaultId}/actions/scheduleDeletion`, { timeOfDeletion })
  let isDestroyed = false
  const { tables } = a.store
  const late = tablesWith(tables, {
    write: async (...args) => {
      if (!isDestroyed && JSON.stringify(args[0]).includes(vaultId)) {
        isDestroyed = true
        clock.now += 9 * 86_400_000
        await cloud.runDue()
      }
      return tables.write(...args)
    },
  })
  expect(await wrapAll(a, late)).toBe(0)
  expect(isDestroyed).toBe(true)
  const left = (await keysOf(a, vaultId)) as WrappedVaultKeys
  expect(left).toMatchObject({ hsmKek: null, softwareKek: null })
  expect(left.dataKey).toBeUndefined()
})

test('keys of a vault that was never opened are put under the key service without being opened', async () => {
  const { a } = cloud
  const vaultId = await makeVault(cloud)
  a.keks.calls.length = 0
  await wrapAll(a)
  expect(a.keks.calls.map(({ action }) => action)).not.toContain('decrypt')
  expect(a.keks.calls.at(-1)?.context).toMatchObject({ 'vaultspan:vault': vaultId, 'vaultspan:region': regionA })
})

describe('once they are under the key service', () => {
  /** As `npm run rewrap-keys` asks until it is done; gives what each call said. */
  async function rewrapAll(region: TestRegion, calls = 100): Promise<readonly RewrapProgress[]> {
    if (!(region.hsm instanceof SoftwareHsm)) throw new Error('unreachable')
    const { tables } = region.store
    const place = { region: region.runtime.region, resourcePrefix: 'vaultspan-test' }
    const state = { ...place, tables, keys: region.keks }
    const known = await readHsmState(state)
    if (known === undefined) await writeHsmState(state, { state: region.hsm.copiedState(), revision: 1 })
    const said: RewrapProgress[] = []
    while (said.length < calls && said.at(-1)?.isDone !== true)
      said.push(await rewrapKeys({ ...region.runtime, ...state, keks: { ...place, keys: region.keks } }))
    return said
  }

  const dataKeyOf = async (region: TestRegion, vaultId: string) =>
    Buffer.from((await keysOf(region, vaultId))?.dataKey ?? '', 'base64')

  test('all of them are wrapped anew without being opened, and what wrapped them before may go', async () => {
    const { a } = cloud
    const vaultId = await makeVault(cloud)
    const keyId = String((await makeKey(cloud, vaultId)).body['id'])
    const ciphertext = await encrypt(cloud, a, vaultId, keyId)
    await makeVault(cloud, 'DEFAULT')
    await cloud.settle()
    await wrapAll(a)
    const before = await dataKeyOf(a, vaultId)
    a.keks.calls.length = 0
    expect(await rewrapAll(a)).toEqual([{ rewrapped: 2, isDone: true }])
    const ofVaults = a.keks.calls.filter(({ context }) => context['vaultspan:purpose'] === 'vault-keks')
    // Both vaults, and the backups' keys.
    expect(ofVaults.map(({ action }) => action)).toEqual(['reEncrypt', 'reEncrypt', 'reEncrypt'])
    expect(await dataKeyOf(a, vaultId)).not.toEqual(before)
    a.keks.forget(before)
    const { status, body } = await decrypt(cloud, upgraded(a), vaultId, keyId, ciphertext)
    expect([status, body['plaintext']]).toEqual([200, Buffer.from('hello').toString('base64')])
  })

  test('a pass that broke off goes on where it was, and the next begins anew', async () => {
    const { a } = cloud
    await addVaults(101)
    await wrapAll(a)
    const first = await firstOfMany(a)
    a.keks.refuses = new Error('ThrottlingException')
    await expect(rewrapAll(a)).rejects.toThrow('ThrottlingException')
    a.keks.refuses = undefined
    a.keks.calls.length = 0
    expect(await rewrapAll(a)).toEqual([{ rewrapped: 101, isDone: true }])
    expect(a.keks.calls.filter(({ action }) => action === 'reEncrypt')).toHaveLength(101 - first)
    expect((await rewrapAll(a)).at(0)).toEqual({ rewrapped: first, isDone: false })
  })

  test('a vault that moves to another compartment meanwhile is not missed', async () => {
    const { a, call, tenancyId } = cloud
    const vaultIds = await addVaults(101)
    await wrapAll(a)
    const made = await call(a, 'POST', '/20160918/compartments', {
      compartmentId: tenancyId,
      name: 'c',
      description: 'd',
    })
    const compartmentId = String(made.body['id'])
    await firstOfMany(a)
    const now = upgraded(a)
    for (const id of vaultIds) {
      const moved = await call(now, 'POST', `/20180608/vaults/${id}/actions/changeCompartment`, { compartmentId })
      expect(moved.status).toBe(200)
    }
    expect(await rewrapAll(a)).toEqual([{ rewrapped: 101, isDone: true }])
  })

  /** How many vaults the first call has done, which are not all. */
  async function firstOfMany(region: TestRegion): Promise<number> {
    const said = await rewrapAll(region, 1)
    expect(said).toMatchObject([{ isDone: false }])
    const done = said[0]?.rewrapped ?? 0
    expect(done).toBeGreaterThan(0)
    expect(done).toBeLessThan(101)
    return done
  }

  async function addVaults(count: number): Promise<readonly string[]> {
    const { a, tenancyId } = cloud
    const of = { tenancyId, displayName: 'v', vaultType: 'DEFAULT', freeformTags: {}, definedTags: {} } as const
    const input = { ...of, compartmentId: tenancyId, compartmentIds: [tenancyId] }
    const ids: string[] = []
    for (let each = 0; each < count; each += 1)
      ids.push((await createVault(a.runtime, systemMutation(a.runtime, tenancyId, 'ImportVault'), input)).id)
    return ids
  }
})
