import { models } from 'oci-keymanagement'
import {
  allowReplication,
  base64,
  expectRefusal as expectRefusalOf,
  makeKey,
  makeVault,
  ociCloud,
  otherRegion,
  replicate,
  rowsWrittenBy,
  send,
  shapes,
  type OciCloud,
} from './ociCloud.ts'

let oci: OciCloud
let vault: models.Vault
beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
  vault = await makeVault(oci)
})
afterAll(() => oci.close())

const keys = () => oci.keys(vault.managementEndpoint)
const crypto = () => oci.crypto(vault.cryptoEndpoint)

const expectRefusal = (call: () => Promise<unknown>, statusCode: number, serviceCode: string) =>
  expectRefusalOf(oci, call, statusCode, serviceCode)

describe('without the policy for the service', () => {
  test('a replica is not made: 404', () => {
    const createVaultReplicaDetails = { replicaRegion: otherRegion }
    const call = () => oci.vaults().createVaultReplica({ vaultId: vault.id, createVaultReplicaDetails })
    return expectRefusal(call, 404, 'NotAuthorizedOrNotFound')
  })
})

describe('a key', () => {
  test('that changed since the given etag: 412', async () => {
    const { id: keyId } = await makeKey(oci, vault)
    const { etag } = await keys().getKey({ keyId })
    await keys().disableKey({ keyId })
    await expectRefusal(() => keys().enableKey({ keyId, ifMatch: etag }), 412, 'NoEtagMatch')
  })

  test('that does not exist: 404, for management and for crypto', async () => {
    const keyId = vault.id.replace('.vault.', '.key.')
    await expectRefusal(() => keys().getKey({ keyId }), 404, 'NotAuthorizedOrNotFound')
    const encryptDataDetails = { keyId, plaintext: base64('x') }
    await expectRefusal(() => crypto().encrypt({ encryptDataDetails }), 404, 'NotAuthorizedOrNotFound')
  })

  test('of another vault: 404 at this vault’s endpoint', async () => {
    const { id: keyId } = await makeKey(oci, await makeVault(oci, 'another'))
    await expectRefusal(() => keys().getKey({ keyId }), 404, 'NotAuthorizedOrNotFound')
  })

  test('in a compartment that does not exist: 404', () => {
    const compartmentId = oci.tenancyId.replace('.tenancy.', '.compartment.')
    const call = () => makeKey(oci, vault, shapes.aes256, { compartmentId })
    return expectRefusal(call, 404, 'NotAuthorizedOrNotFound')
  })

  test('that is disabled: 409 IncorrectState for crypto, rotation and disabling again', async () => {
    const { id: keyId } = await makeKey(oci, vault)
    const plaintext = base64('x')
    const { ciphertext } = (await crypto().encrypt({ encryptDataDetails: { keyId, plaintext } })).encryptedData
    await keys().disableKey({ keyId })
    for (const call of [
      () => crypto().encrypt({ encryptDataDetails: { keyId, plaintext } }),
      () => crypto().decrypt({ decryptDataDetails: { keyId, ciphertext } }),
      () => keys().createKeyVersion({ keyId }),
      () => keys().disableKey({ keyId }),
    ]) {
      await expectRefusal(call, 409, 'IncorrectState')
    }
  })

  test.each([
    ['of no such length', { ...shapes.aes256, length: 31 }],
    ['whose curve does not fit its length', { ...shapes.p256, length: 48 }],
  ])('%s: 400', (_name, shape) => expectRefusal(() => makeKey(oci, vault, shape), 400, 'InvalidParameter'))

  test('whose algorithm does not do what is asked: 400', async () => {
    const [aes, ec] = [await makeKey(oci, vault), await makeKey(oci, vault, shapes.p256)]
    const plaintext = base64('x')
    const signingAlgorithm = models.SignDataDetails.SigningAlgorithm.EcdsaSha384
    const oaep = models.EncryptDataDetails.EncryptionAlgorithm.RsaOaepSha256
    const encrypt = (encryptDataDetails: models.EncryptDataDetails) => crypto().encrypt({ encryptDataDetails })
    const sign = (keyId: string) => crypto().sign({ signDataDetails: { keyId, message: plaintext, signingAlgorithm } })
    for (const call of [
      () => encrypt({ keyId: ec.id, plaintext }),
      () => encrypt({ keyId: aes.id, plaintext, encryptionAlgorithm: oaep }),
      () => sign(aes.id),
      () => sign(ec.id),
    ]) {
      await expectRefusal(call, 400, 'InvalidParameter')
    }
  })
})

describe('a ciphertext', () => {
  const uniform = 'The ciphertext does not open with this key and associatedData.'

  test('that is damaged anywhere, cut short or of another key: the same 400, word for word', async () => {
    const [{ id: keyId }, { id: otherId }] = [await makeKey(oci, vault), await makeKey(oci, vault)]
    const encryptDataDetails = { keyId, plaintext: base64('secret'), associatedData: { a: '1' } }
    const { ciphertext } = (await crypto().encrypt({ encryptDataDetails })).encryptedData
    const bytes = Buffer.from(ciphertext, 'base64')
    const damagedAt = (position: number) => Buffer.from(bytes.map((byte, at) => (at === position ? byte ^ 1 : byte)))
    const decrypt = (decryptDataDetails: models.DecryptDataDetails) => () => crypto().decrypt({ decryptDataDetails })
    const associatedData = { a: '1' }
    const damaged = [0, 1, 2, 20, 50, bytes.length - 17, bytes.length - 1].map(damagedAt)
    const calls = [...damaged, bytes.subarray(0, 60), Buffer.from('no ciphertext')].map((each) =>
      decrypt({ keyId, ciphertext: base64(each), associatedData }),
    )
    calls.push(decrypt({ keyId: otherId, ciphertext, associatedData }), decrypt({ keyId, ciphertext }))
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ statusCode: 400, serviceCode: 'InvalidParameter' })
      await expect(call()).rejects.toHaveProperty('message', uniform)
    }
  })

  test('with the id of another version: 400', async () => {
    const key = await makeKey(oci, vault)
    const encryptDataDetails = { keyId: key.id, plaintext: base64('x') }
    const { ciphertext } = (await crypto().encrypt({ encryptDataDetails })).encryptedData
    const { keyVersion } = await keys().createKeyVersion({ keyId: key.id })
    const decryptDataDetails = { keyId: key.id, ciphertext, keyVersionId: keyVersion.id }
    await expectRefusal(() => crypto().decrypt({ decryptDataDetails }), 400, 'InvalidParameter')
  })
})

describe('a request', () => {
  const listUrl = () => `${oci.home}/20180608/vaults?compartmentId=${oci.tenancyId}`
  const createBody = () =>
    JSON.stringify({ compartmentId: oci.tenancyId, displayName: 'v', vaultType: 'VIRTUAL_PRIVATE' })
  const create = () => oci.signed('POST', `${oci.home}/20180608/vaults`, createBody())
  const notAuthenticated = { statusCode: 401, serviceCode: 'NotAuthenticated' }

  async function expectAnswer(request: Parameters<typeof send>[0], expected: object): Promise<void> {
    const written = await rowsWrittenBy(oci, async () => {
      expect(await send(request)).toMatchObject(expected)
    })
    expect(written).toEqual([])
  }

  test('as it was signed is taken: the refusals below are for what was altered', async () => {
    expect(await send(await oci.signed('GET', listUrl()))).toMatchObject({ statusCode: 200 })
    expect(await send(await create())).toMatchObject({ statusCode: 200 })
  })

  test('without a signature: 401', () =>
    expectAnswer({ method: 'GET', url: listUrl(), headers: {}, body: undefined }, notAuthenticated))

  // Ten seconds beside the limit, because a busy machine takes its time; test/iam has the limit itself, by a clock of its own.
  test.each([-310_000, 310_000])('dated %i ms away: 401', async (lateByMs) =>
    expectAnswer(await oci.signed('GET', listUrl(), undefined, lateByMs), notAuthenticated),
  )

  test.each([-290_000, 290_000])('dated %i ms away is taken', async (lateByMs) => {
    expect(await send(await oci.signed('GET', listUrl(), undefined, lateByMs))).toMatchObject({ statusCode: 200 })
  })

  test('whose query was altered: 401', async () => {
    const request = await oci.signed('GET', listUrl())
    await expectAnswer({ ...request, url: `${request.url}&limit=1` }, notAuthenticated)
  })

  test('whose body was altered: 401', async () => {
    const request = await create()
    await expectAnswer({ ...request, body: createBody().replace('"v"', '"w"') }, notAuthenticated)
  })

  test('whose body and its digest were altered: 401', async () => {
    const [request, altered] = [await create(), createBody().replace('"v"', '"w"')]
    const other = await oci.signed('POST', request.url, altered)
    const digest = { 'x-content-sha256': other.headers['x-content-sha256'] ?? '' }
    await expectAnswer({ ...request, headers: { ...request.headers, ...digest }, body: altered }, notAuthenticated)
  })

  test('whose signature does not cover the body: 401', async () => {
    const request = await create()
    const covering = 'x-date (request-target) host'
    const authorization = request.headers['authorization']?.replace(/headers="[^"]*"/, `headers="${covering}"`) ?? ''
    await expectAnswer({ ...request, headers: { ...request.headers, authorization } }, notAuthenticated)
  })

  test.each([
    ['that is no JSON: 400', '{"displayName":', { statusCode: 400, serviceCode: 'CannotParseRequest' }],
    ['that is no object: 400', '[]', { statusCode: 400 }],
    ['that lacks a member: 400', '{"displayName":"v"}', { statusCode: 400, serviceCode: 'MissingParameter' }],
    [
      'whose member has the wrong type: 400',
      '{"compartmentId":7,"displayName":"v","vaultType":"DEFAULT"}',
      { statusCode: 400, serviceCode: 'InvalidParameter' },
    ],
    [
      'that names a member twice: 400',
      '{"compartmentId":"a","displayName":"v","vaultType":"DEFAULT","displayN\\u0061me":"w"}',
      { statusCode: 400, serviceCode: 'InvalidParameter' },
    ],
    [
      'over 64 KiB: 413',
      `{"displayName":"${'x'.repeat(65_536)}"}`,
      { statusCode: 413, serviceCode: 'PayloadTooLarge' },
    ],
  ])('with a body %s', async (_name, body, expected) => {
    await expectAnswer(await oci.signed('POST', `${oci.home}/20180608/vaults`, body), expected)
  })

  test('for a path that no operation has: 404 NotFound, for a method it has not: 405', async () => {
    const none = await oci.signed('GET', `${oci.home}/20180608/nothing`)
    await expectAnswer(none, { statusCode: 404, serviceCode: 'NotFound' })
    const wrong = await oci.signed('DELETE', `${oci.home}/20180608/vaults`)
    await expectAnswer(wrong, { statusCode: 405, serviceCode: 'MethodNotAllowed' })
  })
})

describe('replication', () => {
  let replica: { management: string; crypto: string }
  let key: models.Key
  beforeAll(async () => {
    await allowReplication(oci)
    key = await makeKey(oci, vault)
    replica = await replicate(oci, vault.id)
    await oci.cloud.idle()
  })

  const createReplica = (replicaRegion: string, endpoint = oci.home) =>
    oci.vaults(endpoint).createVaultReplica({ vaultId: vault.id, createVaultReplicaDetails: { replicaRegion } })

  test.each([
    ['its own region', 'us-ashburn-1'],
    ['a region that is not there', 'eu-frankfurt-1'],
  ])('to %s: 400', (_name, region) => expectRefusal(() => createReplica(region), 400, 'InvalidParameter'))

  test('to the region that has the replica already succeeds and writes nothing', async () => {
    expect(await rowsWrittenBy(oci, () => createReplica(otherRegion))).toEqual([])
  })

  test('the deletion of a replica that is not there: 404', () => {
    const deleteVaultReplicaDetails = { replicaRegion: 'eu-frankfurt-1' }
    const call = () => oci.vaults().deleteVaultReplica({ vaultId: vault.id, deleteVaultReplicaDetails })
    return expectRefusal(call, 404, 'NotAuthorizedOrNotFound')
  })

  test('the replica refuses management, 409 Conflict, naming the primary', async () => {
    const { id: keyId } = key
    const at = oci.keys(replica.management)
    const createKeyDetails = { compartmentId: oci.tenancyId, displayName: 'k', keyShape: shapes.aes256 }
    for (const call of [
      () => at.createKey({ createKeyDetails }),
      () => at.createKeyVersion({ keyId }),
      () => at.disableKey({ keyId }),
      () => createReplica('us-ashburn-1', oci.other),
    ]) {
      await expectRefusal(call, 409, 'Conflict')
      await expect(call()).rejects.toHaveProperty('message', expect.stringContaining('us-ashburn-1'))
    }
  })

  test('identity is written in its home region only: 403', () => {
    const details = { compartmentId: oci.tenancyId, name: 'p', description: 'd' }
    const createPolicyDetails = { ...details, statements: ['Allow any-user to inspect keys in tenancy'] }
    const call = () => oci.identity(oci.other).createPolicy({ createPolicyDetails })
    return expectRefusal(call, 403, 'NotAllowed')
  })
})
