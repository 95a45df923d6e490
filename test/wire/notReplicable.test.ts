import { readFileSync } from 'node:fs'
import { importVaultRecord } from '../../local/region/importVaultRecord.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { allowReplication, createReplica, makeKey } from '../harness/vaultStory.ts'

const record = readFileSync(new URL('../fixtures/olderVault.json', import.meta.url), 'utf8')

let cloud: TestCloud
beforeAll(async () => {
  cloud = await twoRegions()
})
afterAll(() => {
  cloud.close()
})

test('a vault older than replication comes in, works, and cannot be replicated', async () => {
  const { id } = await importVaultRecord(cloud.a.runtime, cloud.tenancyId, record)
  const found = await cloud.call(cloud.a, 'GET', `/20180608/vaults/${id}`)
  expect(found.body).toMatchObject({ isVaultReplicable: false, timeCreated: '2019-03-12T08:15:00.000Z' })
  expect((await makeKey(cloud, id)).status).toBe(200)
  await allowReplication(cloud)
  const refused = await createReplica(cloud, id)
  expect(refused).toMatchObject({ status: 409, body: { code: 'Conflict' } })
  expect(refused.body['message']).toContain('create a new vault')
  expect((await importVaultRecord(cloud.a.runtime, cloud.tenancyId, record)).id).toBe(id)
})

test.each(['', '{}', '{"format":"vaultspan/vault-record-import/1"}', record.replace('DEFAULT', 'OTHER')])(
  'the record %j is refused',
  async (text) => {
    await expect(importVaultRecord(cloud.a.runtime, cloud.tenancyId, text)).rejects.toThrow()
  },
)
