import type { models } from 'oci-keymanagement'
import { makeKey, makeVault, ociCloud, rowsWrittenBy, send, shapes, type Answered, type OciCloud } from './ociCloud.ts'

let oci: OciCloud
let vault: models.Vault
beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
  vault = await makeVault(oci)
})
afterAll(() => oci.close())

const invalidated = { statusCode: 409, serviceCode: 'InvalidatedRetryToken' }

function createKey(opcRetryToken: string, displayName = 'key') {
  const createKeyDetails = { compartmentId: oci.tenancyId, displayName, keyShape: shapes.aes256 }
  return oci.keys(vault.managementEndpoint).createKey({ createKeyDetails, opcRetryToken })
}

test('a repetition with its token returns the first key and writes nothing', async () => {
  const first = await createKey('again')
  const written = await rowsWrittenBy(oci, async () => {
    const second = await createKey('again')
    expect(second.key).toEqual(first.key)
    expect(second.etag).toBe(first.etag)
  })
  expect(written).toEqual([])
})

test('of twenty repetitions at once one makes the key and all return it', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => createKey('at once', 'at once')))
  expect(new Set(answers.map(({ key }) => key.id)).size).toBe(1)
  const { items } = await oci.keys(vault.managementEndpoint).listKeys({ compartmentId: oci.tenancyId, limit: 1000 })
  expect(items.filter(({ displayName }) => displayName === 'at once')).toHaveLength(1)
})

test('the same token with another body is refused, and writes nothing', async () => {
  await createKey('once')
  const written = await rowsWrittenBy(oci, () => expect(createKey('once', 'other')).rejects.toMatchObject(invalidated))
  expect(written).toEqual([])
})

test('a token whose key was changed since is refused', async () => {
  const { key } = await createKey('changed')
  await oci.keys(vault.managementEndpoint).disableKey({ keyId: key.id })
  await expect(createKey('changed')).rejects.toMatchObject(invalidated)
})

test('a token is good for its operation: another operation may use it too', async () => {
  const { id: keyId } = await makeKey(oci, vault)
  await createKey('shared')
  const keys = oci.keys(vault.managementEndpoint)
  const first = await keys.createKeyVersion({ keyId, opcRetryToken: 'shared' })
  const second = await keys.createKeyVersion({ keyId, opcRetryToken: 'shared' })
  expect(second.keyVersion).toEqual(first.keyVersion)
  expect((await keys.listKeyVersions({ keyId })).items).toHaveLength(2)
})

async function createKeyByHand(opcRetryToken: string): Promise<Answered> {
  const body = JSON.stringify({ compartmentId: oci.tenancyId, displayName: 'key', keyShape: shapes.aes256 })
  const request = await oci.signed('POST', `${vault.managementEndpoint}/20180608/keys`, body)
  return send({ ...request, headers: { ...request.headers, 'opc-retry-token': opcRetryToken } })
}

test('a token that was given 24 hours ago is forgotten', async () => {
  const first = await createKeyByHand('old')
  expect(await createKeyByHand('old')).toEqual(first)
  oci.clock.offsetMs = 24 * 3_600_000 + 1000
  const later = await createKeyByHand('old')
  oci.clock.offsetMs = 0
  expect(later.statusCode).toBe(200)
  expect(later.body['id']).not.toBe(first.body['id'])
})

test.each([
  ['empty', ''],
  ['too long', 'x'.repeat(129)],
])('a token that is %s is refused', async (_name, token) => {
  expect(await createKeyByHand(token)).toMatchObject({ statusCode: 400, serviceCode: 'InvalidParameter' })
})
