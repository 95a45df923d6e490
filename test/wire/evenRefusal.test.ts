import { randomBytes } from 'node:crypto'
import { newOcid, newVaultPrefix } from '../../lib/ocid.ts'
import { addUser } from '../harness/addUser.ts'
import type { Call } from '../harness/signedCall.ts'
import { regionA, twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'
import { workOf } from './operations/workOf.ts'

/** What is absent and what is forbidden take the same work, of an operation on each plane; operations.test.ts has all of them. */

let cloud: TestCloud
let stranger: Call
let vaultId: string
let keyId: string
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
  stranger = await addUser(cloud, 'strangers', ['Allow group strangers to inspect policies in tenancy'])
})
afterAll(() => {
  cloud.close()
})

interface Ids {
  readonly vaultId: string
  readonly keyId: string
}

test.each<[string, (ids: Ids) => ReturnType<Call>]>([
  ['GetVault', (ids) => stranger(cloud.a, 'GET', `/20180608/vaults/${ids.vaultId}`)],
  ['GetKey', (ids) => stranger(cloud.a, 'GET', `/20180608/keys/${ids.keyId}`, undefined, { host: vaultId })],
  [
    'Encrypt',
    (ids) => stranger(cloud.a, 'POST', '/20180608/encrypt', { keyId: ids.keyId, plaintext: 'aGk=' }, { host: vaultId }),
  ],
])('%s', async (_, ask) => {
  const [, , , , vaultPrefix = ''] = vaultId.split('.')
  const absent = {
    vaultId: newOcid(randomBytes, 'vault', { region: regionA, vaultPrefix: newVaultPrefix(randomBytes) }),
    keyId: newOcid(randomBytes, 'key', { region: regionA, vaultPrefix }),
  }
  const refused = (ids: Ids) => async () => {
    expect((await ask(ids)).status).toBe(404)
  }
  const regions = { parts: [cloud.a, cloud.b], tenancyId: cloud.tenancyId }
  const ofForbidden = await workOf(regions, refused({ vaultId, keyId }))
  expect(await workOf(regions, refused(absent))).toEqual(ofForbidden)
  expect(ofForbidden['a row read']).toBeGreaterThan(0)
  expect(ofForbidden['a row missed']).toBeGreaterThan(0)
  expect(ofForbidden['policies asked']).toBeGreaterThan(0)
})
