import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { regionB } from '../../harness/twoRegions.ts'
import {
  allowReplication,
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeVault,
  replicaStatus,
} from '../../harness/vaultStory.ts'
import { auditStory } from './auditStory.ts'
import { copyStory } from './copyStory.ts'
import { awsRegions, type AwsCloud } from './awsRegions.ts'
import { onLocalStack, type Aws } from './onLocalStack.ts'

/** What the replica's region has of a vault, in any table but the fences that outlive it. */
async function rowsOf(aws: Aws, vaultId: string): Promise<number> {
  let rows = 0
  for (const table of ['Vaults', 'Keys', 'Requests']) {
    const { Items = [] } = await aws
      .dynamo(regionB)
      .send(new ScanCommand({ TableName: `${aws.run}-${table}`, ConsistentRead: true }))
    // Notes of retry tokens and signatures go by their own expiry.
    rows += Items.filter((item) => !('expiresAt' in item) && JSON.stringify(item).includes(vaultId)).length
  }
  return rows
}

await onLocalStack('a vault on DynamoDB and SQS', (aws) => {
  let cloud: AwsCloud
  beforeAll(async () => {
    cloud = await awsRegions(aws)
  })
  afterAll(() => cloud.close())

  // One story: each step goes on from where the last has left the vault.
  let vaultId = ''
  let keyId = ''
  let ciphertext: unknown
  const onKey = (path: string, body?: object) =>
    cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}${path}`, body, { host: vaultId })
  const inReplica = (text: unknown) => decrypt(cloud, cloud.b, vaultId, keyId, text)

  test('makes a key that encrypts', async () => {
    vaultId = await makeVault(cloud)
    const { status, body } = await makeKey(cloud, vaultId)
    expect([status, body['lifecycleState']]).toEqual([200, 'ENABLED'])
    keyId = String(body['id'])
    ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
    expect(await decrypt(cloud, cloud.a, vaultId, keyId, ciphertext)).toMatchObject({
      status: 200,
      body: { plaintext: 'aGVsbG8=' },
    })
    expect(await inReplica(ciphertext)).toMatchObject({ status: 404 })
  })

  test('is replicated, and the key decrypts in the replica', async () => {
    await allowReplication(cloud)
    expect(await createReplica(cloud, vaultId)).toMatchObject({ status: 202 })
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
    expect(await inReplica(ciphertext)).toMatchObject({ status: 200, body: { plaintext: 'aGVsbG8=' } })
  })

  test('answers a retried call with the same key, in a row that travels along', async () => {
    const first = await makeKey(cloud, vaultId, { retryToken: 'once' })
    const again = await makeKey(cloud, vaultId, { retryToken: 'once' })
    expect(again.body).toEqual(first.body)
    await cloud.settle()
    const { list } = await cloud.call(cloud.b, 'GET', `/20180608/keys?compartmentId=${cloud.tenancyId}`, undefined, {
      host: vaultId,
    })
    expect(list.map(({ id }) => id).sort()).toEqual([keyId, first.body['id']].sort())
  })

  test('says that a rotation is replicated once its receipt is in; old and new ciphertexts open in the replica', async () => {
    const { status, body } = await onKey('/keyVersions', {})
    expect([status, body['lifecycleState']]).toEqual([200, 'ENABLED'])
    await cloud.settle()
    const { replicationId } = body['replicaDetails'] as { replicationId: string }
    const target = `/20180608/replicaOperations/${replicationId}/status`
    const answered = await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })
    expect(answered.body).toMatchObject({ replicaDetails: [{ region: regionB, status: 'REPLICATED' }] })
    const fresh = await encrypt(cloud, cloud.a, vaultId, keyId)
    expect(await inReplica(fresh)).toMatchObject({ status: 200, body: { keyVersionId: body['id'] } })
    expect(await inReplica(ciphertext)).toMatchObject({ status: 200 })
  })

  test('refuses use in the replica while the key is disabled', async () => {
    await onKey('/actions/disable')
    await cloud.settle()
    expect(await inReplica(ciphertext)).toMatchObject({ status: 409, body: { code: 'IncorrectState' } })
    await onKey('/actions/enable')
    await cloud.settle()
    expect(await inReplica(ciphertext)).toMatchObject({ status: 200 })
  })

  test('leaves nothing in the region whose replica is deleted', async () => {
    expect(await rowsOf(aws, vaultId)).toBeGreaterThan(0)
    expect(await deleteReplica(cloud, vaultId)).toMatchObject({ status: 202 })
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
    expect(await inReplica(ciphertext)).toMatchObject({ status: 404 })
    expect(await rowsOf(aws, vaultId)).toBe(0)
    expect(await decrypt(cloud, cloud.a, vaultId, keyId, ciphertext)).toMatchObject({ status: 200 })
  })
  auditStory(aws, () => cloud)
  copyStory(aws)
})
