import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import {
  allowReplication,
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeReplicatedVault,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()

const shapes = [
  { keyShape: { algorithm: 'AES', length: 16 }, protectionMode: 'HSM' },
  { keyShape: { algorithm: 'AES', length: 32 }, protectionMode: 'SOFTWARE' },
  { keyShape: { algorithm: 'RSA', length: 256 }, protectionMode: 'HSM' },
] as const

describe('a vault that is replicated', () => {
  test.each(shapes)('brings along a key made before: %o', async (options) => {
    const vaultId = await makeVault(cloud)
    const key = await makeKey(cloud, vaultId, options)
    await allowReplication(cloud)
    expect((await createReplica(cloud, vaultId)).status).toBe(202)
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    const decrypted = await decrypt(cloud, cloud.b, vaultId, key.body['id'], ciphertext)
    expect(decrypted).toMatchObject({
      status: 200,
      body: { plaintext: 'aGVsbG8=', keyVersionId: key.body['currentKeyVersion'] },
    })
  })

  test('shows its replica as CREATING at once', async () => {
    const vaultId = await makeVault(cloud)
    await allowReplication(cloud)
    await createReplica(cloud, vaultId)
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATING')
  })

  test('hands a new key off before it answers: the replica needs its own inbox only', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const key = await makeKey(cloud, vaultId)
    expect(key.body).toMatchObject({ lifecycleState: 'ENABLED' })
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    cloud.link.isUp = false
    await cloud.settle(3)
    expect(await decrypt(cloud, cloud.b, vaultId, key.body['id'], ciphertext)).toMatchObject({ status: 200 })
  })

  test('answers reads in the replica as the source does, but for its role and endpoints', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    await cloud.settle()
    const there = await cloud.call(cloud.b, 'GET', `/20180608/keys/${String(body['id'])}`, undefined, { host: vaultId })
    expect(there.body).toEqual({ ...body, isPrimary: false })
    const vault = await cloud.call(cloud.b, 'GET', `/20180608/vaults/${vaultId}`)
    expect(vault.body).toMatchObject({ id: vaultId, isPrimary: false, lifecycleState: 'ACTIVE' })
  })

  test('refuses management in the replica and names the primary region', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    await cloud.settle()
    const keyId = String(body['id'])
    const shape = { compartmentId: cloud.tenancyId, displayName: 'x', keyShape: { algorithm: 'AES', length: 32 } }
    const refused = await Promise.all([
      cloud.call(cloud.b, 'POST', '/20180608/keys', shape, { host: vaultId }),
      cloud.call(cloud.b, 'POST', `/20180608/keys/${keyId}/actions/disable`, undefined, { host: vaultId }),
      cloud.call(cloud.b, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId }),
      cloud.call(cloud.b, 'POST', `/20180608/vaults/${vaultId}/actions/createReplica`, { replicaRegion: regionA }),
      cloud.call(cloud.b, 'POST', `/20180608/vaults/${vaultId}/actions/deleteReplica`, { replicaRegion: regionB }),
    ])
    for (const { status, body: error } of refused) {
      expect([status, error]).toEqual([409, { code: 'Conflict', message: expect.stringContaining(regionA) as unknown }])
    }
  })

  test('decrypts old ciphertexts in both regions after rotation', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    const keyId = body['id']
    const old = await encrypt(cloud, cloud.a, vaultId, keyId)
    const rotated = await cloud.call(
      cloud.a,
      'POST',
      `/20180608/keys/${String(keyId)}/keyVersions`,
      {},
      { host: vaultId },
    )
    expect(rotated).toMatchObject({ status: 200, body: { lifecycleState: 'ENABLED' } })
    await cloud.settle()
    const fresh = await encrypt(cloud, cloud.b, vaultId, keyId)
    for (const region of [cloud.a, cloud.b]) {
      expect(await decrypt(cloud, region, vaultId, keyId, old)).toMatchObject({
        status: 200,
        body: { keyVersionId: body['currentKeyVersion'] },
      })
      expect(await decrypt(cloud, region, vaultId, keyId, fresh)).toMatchObject({
        status: 200,
        body: { keyVersionId: rotated.body['id'] },
      })
    }
  })

  test('follows disabling and enabling', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, body['id'])
    const action = (name: string) =>
      cloud.call(cloud.a, 'POST', `/20180608/keys/${String(body['id'])}/actions/${name}`, undefined, { host: vaultId })
    await action('disable')
    await cloud.settle()
    expect(await decrypt(cloud, cloud.b, vaultId, body['id'], ciphertext)).toMatchObject({
      status: 409,
      body: { code: 'IncorrectState' },
    })
    await action('enable')
    await cloud.settle()
    expect(await decrypt(cloud, cloud.b, vaultId, body['id'], ciphertext)).toMatchObject({ status: 200 })
  })

  test('says REPLICATING until the receipt is in, then REPLICATED, at the replica too', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    const { replicationId } = body['replicaDetails'] as { replicationId: string }
    const status = async (region = cloud.a) =>
      (
        await cloud.call(region, 'GET', `/20180608/replicaOperations/${replicationId}/status`, undefined, {
          host: vaultId,
        })
      ).body
    expect(await status()).toMatchObject({ replicaDetails: [{ region: regionB, status: 'REPLICATING' }] })
    await cloud.settle()
    expect(await status()).toMatchObject({ replicaDetails: [{ region: regionB, status: 'REPLICATED' }] })
    expect(await status(cloud.b)).toMatchObject({ replicaDetails: [{ region: regionB, status: 'REPLICATED' }] })
  })

  test('leaves nothing behind when its replica is deleted, and can be replicated again', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, body['id'])
    await cloud.settle()
    expect((await deleteReplica(cloud, vaultId)).status).toBe(202)
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
    expect(await decrypt(cloud, cloud.b, vaultId, body['id'], ciphertext)).toMatchObject({ status: 404 })
    expect(await cloud.b.store.tables.get('Keys', String(body['id']), 'key')).toBeUndefined()
    expect(await decrypt(cloud, cloud.a, vaultId, body['id'], ciphertext)).toMatchObject({ status: 200 })
    await createReplica(cloud, vaultId)
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
    expect(await decrypt(cloud, cloud.b, vaultId, body['id'], ciphertext)).toMatchObject({ status: 200 })
  })

  test('is audited: the start and the end of its replica, each once', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    const range = `startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z`
    const { list } = await cloud.call(cloud.a, 'GET', `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&${range}`)
    const types = list.map((event) => String(event['eventType']).replace('com.oraclecloud.KeyManagementService.', ''))
    expect(types.filter((type) => type.includes('VaultReplica.'))).toEqual([
      'CreateVaultReplica.begin',
      'CreateVaultReplica.end',
      'DeleteVaultReplica.begin',
      'DeleteVaultReplica.end',
    ])
  })
})

describe('createReplica refuses', () => {
  test('without the service policy, as if the vault did not exist', async () => {
    const vaultId = await makeVault(cloud)
    expect(await createReplica(cloud, vaultId)).toMatchObject({
      status: 404,
      body: { code: 'NotAuthorizedOrNotFound' },
    })
    expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
  })

  test.each([regionA, 'eu-nowhere-1'])('the region %s', async (region) => {
    const vaultId = await makeVault(cloud)
    await allowReplication(cloud)
    expect(await createReplica(cloud, vaultId, region)).toMatchObject({
      status: 400,
      body: { code: 'InvalidParameter' },
    })
  })

  test('nothing when it is repeated for the same region', async () => {
    const vaultId = await makeReplicatedVault(cloud)
    expect((await createReplica(cloud, vaultId)).status).toBe(202)
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  })
})
