import { hash } from 'node:crypto'
import type { Write } from '../../lib/ports.ts'
import type { Answered } from '../harness/signedCall.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** What stands of the resources, as one hash. */
function resources({ a }: TestCloud): string {
  const rows = a.store.database
    .prepare("SELECT tbl, pk, sk, body FROM item WHERE tbl IN ('Vaults', 'Keys', 'Identity') ORDER BY tbl, pk, sk")
    .all()
  return hash('sha256', JSON.stringify(rows))
}

const isEvent = (write: Write) => write.op === 'put' && write.table === 'Audit' && write.item['events'] !== undefined

/** While `work` runs the table takes no event of the audit. */
async function whileUnaudited<T>({ a }: TestCloud, work: () => Promise<T>): Promise<T> {
  const { tables } = a.store
  const { write, putTexts } = { write: tables.write.bind(tables), putTexts: tables.putTexts.bind(tables) }
  tables.write = (writes, ...more) =>
    writes.some(isEvent) ? Promise.reject(new Error('The audit is full.')) : write(writes, ...more)
  tables.putTexts = () => Promise.reject(new Error('The audit is full.'))
  try {
    return await work()
  } finally {
    Object.assign(tables, { write, putTexts })
  }
}

let cloud: TestCloud
let vaultId: string
let keyId: string
let versionId: string
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeReplicatedVault(cloud)
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
  const version = await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId })
  versionId = String(version.body['id'])
  await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId })
  await cloud.settle()
})
afterAll(() => {
  cloud.close()
})

const call = (method: string, path: string, body?: unknown) => cloud.call(cloud.a, method, path, body)
const inVault = (method: string, path: string, body?: unknown) =>
  cloud.call(cloud.a, method, `/20180608${path}`, body, { host: vaultId })
const inTenancy = () => ({ compartmentId: cloud.tenancyId, description: 'd' })
const time = (days: number) => new Date(cloud.clock.now + days * 86_400_000).toISOString()

const changes: Readonly<Record<string, () => Promise<Answered>>> = {
  CreateVault: () =>
    call('POST', '/20180608/vaults', { compartmentId: cloud.tenancyId, displayName: 'v', vaultType: 'DEFAULT' }),
  UpdateVault: () => call('PUT', `/20180608/vaults/${vaultId}`, { displayName: 'other' }),
  CreateKey: () => makeKey(cloud, vaultId, { displayName: 'another' }),
  UpdateKey: () => inVault('PUT', `/keys/${keyId}`, { displayName: 'renamed' }),
  CreateKeyVersion: () => inVault('POST', `/keys/${keyId}/keyVersions`, {}),
  DisableKey: () => inVault('POST', `/keys/${keyId}/actions/disable`),
  EnableKey: () => inVault('POST', `/keys/${keyId}/actions/enable`),
  ScheduleKeyVersionDeletion: () =>
    inVault('POST', `/keys/${keyId}/keyVersions/${versionId}/actions/scheduleDeletion`, { timeOfDeletion: time(10) }),
  ScheduleKeyDeletion: () => inVault('POST', `/keys/${keyId}/actions/scheduleDeletion`, { timeOfDeletion: time(20) }),
  CancelKeyDeletion: () => inVault('POST', `/keys/${keyId}/actions/cancelDeletion`),
  CreateCompartment: () => call('POST', '/20160918/compartments', { ...inTenancy(), name: 'c' }),
  CreateUser: () => call('POST', '/20160918/users', { ...inTenancy(), name: 'u' }),
  CreateGroup: () => call('POST', '/20160918/groups', { ...inTenancy(), name: 'g' }),
  CreatePolicy: () =>
    call('POST', '/20160918/policies', {
      ...inTenancy(),
      name: 'p',
      statements: ['Allow group g to read vaults in tenancy'],
    }),
  UpdateConfiguration: () =>
    call('PUT', `/20190901/configuration?compartmentId=${cloud.tenancyId}`, { retentionPeriodDays: 100 }),
  DeleteVaultReplica: () =>
    call('POST', `/20180608/vaults/${vaultId}/actions/deleteReplica`, { replicaRegion: 'us-phoenix-1' }),
}

test.each(Object.entries(changes))(
  '%s does not happen where its event cannot be written, and happens where it can',
  async (_name, change) => {
    const before = resources(cloud)
    const refused = await whileUnaudited(cloud, change)
    expect({ status: refused.status >= 500, resources: resources(cloud) }).toEqual({ status: true, resources: before })
    expect((await change()).status).toBeLessThan(300)
    expect(resources(cloud)).not.toBe(before)
    await cloud.settle()
  },
)

test('nor does what falls due: a version is destroyed only with its event', async () => {
  cloud.clock.now += 11 * 86_400_000
  const before = resources(cloud)
  await whileUnaudited(cloud, () => cloud.runDue()).catch(() => undefined)
  expect(resources(cloud)).toBe(before)
  await cloud.runDue()
  expect(resources(cloud)).not.toBe(before)
})
