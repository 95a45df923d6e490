import { listAtRisk } from '../../lib/replication/atRisk.ts'
import { composeTestRegion, regionA, regionB, twoRegions, type TestCloud } from '../harness/twoRegions.ts'
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
import { tablesWith } from '../../lib/tablesWith.ts'

let cloud: TestCloud
afterEach(() => {
  cloud.close()
})

async function atRisk(): Promise<number> {
  return (await listAtRisk(cloud.a.store.tables, regionB, 100)).items.length
}

function rotate(vaultId: string, keyId: unknown): Promise<unknown> {
  return cloud.call(cloud.a, 'POST', `/20180608/keys/${String(keyId)}/keyVersions`, {}, { host: vaultId })
}

describe('while the replica cannot be reached', () => {
  test('the available mode answers, lists the change as at risk, and catches up', async () => {
    cloud = await twoRegions()
    const vaultId = await makeReplicatedVault(cloud)
    cloud.link.isUp = false
    const key = await makeKey(cloud, vaultId)
    expect(key).toMatchObject({ status: 200, body: { lifecycleState: 'ENABLED' } })
    expect(await atRisk()).toBe(1)
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    await cloud.settle(5)
    expect(await decrypt(cloud, cloud.b, vaultId, key.body['id'], ciphertext)).toMatchObject({ status: 404 })
    cloud.link.isUp = true
    await cloud.settle()
    expect(await decrypt(cloud, cloud.b, vaultId, key.body['id'], ciphertext)).toMatchObject({ status: 200 })
    expect(await atRisk()).toBe(0)
  })

  test('the strict mode answers 503 and the retry with the same token returns the very key it made', async () => {
    cloud = await twoRegions({ isStrict: true })
    const vaultId = await makeReplicatedVault(cloud)
    cloud.link.isUp = false
    const refused = await makeKey(cloud, vaultId, { retryToken: 'once' })
    expect(refused).toMatchObject({ status: 503, body: { code: 'ServiceUnavailable' } })
    const [, named] = /change to (\S+) is/.exec(String(refused.body['message'])) ?? []
    const waiting = await cloud.call(cloud.a, 'GET', `/20180608/keys/${named ?? ''}`, undefined, { host: vaultId })
    expect(waiting.body).toMatchObject({ lifecycleState: 'CREATING' })
    cloud.link.isUp = true
    const key = await makeKey(cloud, vaultId, { retryToken: 'once' })
    expect(key).toMatchObject({ status: 200, body: { id: named, lifecycleState: 'ENABLED' } })
    await cloud.settle()
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, named)
    expect(await decrypt(cloud, cloud.b, vaultId, named, ciphertext)).toMatchObject({ status: 200 })
  })

  test('in the strict mode the previous version serves until the new one is handed off', async () => {
    cloud = await twoRegions({ isStrict: true })
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    await cloud.settle()
    cloud.link.isUp = false
    expect(await rotate(vaultId, body['id'])).toMatchObject({ status: 503 })
    const meanwhile = await cloud.call(
      cloud.a,
      'POST',
      '/20180608/encrypt',
      { keyId: body['id'], plaintext: 'aGk=' },
      { host: vaultId },
    )
    expect(meanwhile.body).toMatchObject({ keyVersionId: body['currentKeyVersion'] })
    cloud.link.isUp = true
    await cloud.settle()
    const after = await cloud.call(
      cloud.a,
      'POST',
      '/20180608/encrypt',
      { keyId: body['id'], plaintext: 'aGk=' },
      { host: vaultId },
    )
    expect(after.body['keyVersionId']).not.toBe(body['currentKeyVersion'])
    expect(await decrypt(cloud, cloud.b, vaultId, body['id'], after.body['ciphertext'])).toMatchObject({ status: 200 })
  })

  test('many rotations arrive whole afterwards', async () => {
    cloud = await twoRegions()
    const vaultId = await makeReplicatedVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    await cloud.settle()
    cloud.link.isUp = false
    const ciphertexts = []
    for (let round = 0; round < 5; round += 1) {
      await rotate(vaultId, body['id'])
      ciphertexts.push(await encrypt(cloud, cloud.a, vaultId, body['id']))
    }
    cloud.link.isUp = true
    await cloud.settle()
    for (const ciphertext of ciphertexts) {
      expect(await decrypt(cloud, cloud.b, vaultId, body['id'], ciphertext)).toMatchObject({ status: 200 })
    }
  })

  test('a replica is made once it can be, and one that was never reached can be deleted', async () => {
    cloud = await twoRegions()
    const vaultId = await makeVault(cloud)
    await allowReplication(cloud)
    cloud.link.isUp = false
    expect((await createReplica(cloud, vaultId)).status).toBe(202)
    await cloud.settle(5)
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATING')
    await deleteReplica(cloud, vaultId)
    cloud.link.isUp = true
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
    await createReplica(cloud, vaultId)
    await cloud.settle()
    expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  })

  test('createReplica during a deletion is refused as transient, another region as permanent', async () => {
    cloud = await twoRegions()
    const vaultId = await makeReplicatedVault(cloud)
    cloud.link.isUp = false
    await deleteReplica(cloud, vaultId)
    expect(await createReplica(cloud, vaultId)).toMatchObject({ status: 409, body: { code: 'IncorrectState' } })
  })
})

describe('messages between regions', () => {
  test('that come twice and in any order leave the same state', async () => {
    cloud = await twoRegions()
    const vaultId = await makeReplicatedVault(cloud)
    cloud.link.sent.length = 0
    const { body } = await makeKey(cloud, vaultId)
    const old = await encrypt(cloud, cloud.a, vaultId, body['id'])
    await rotate(vaultId, body['id'])
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${String(body['id'])}/actions/disable`, undefined, {
      host: vaultId,
    })
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${String(body['id'])}/actions/enable`, undefined, {
      host: vaultId,
    })
    await cloud.settle()
    const before = await cloud.call(cloud.b, 'GET', `/20180608/keys/${String(body['id'])}`, undefined, {
      host: vaultId,
    })
    const again = cloud.link.sent.filter(({ to, queue }) => to === regionB && queue === 'inbox').toReversed()
    expect(again.length).toBeGreaterThan(3)
    for (const message of again) await cloud.b.store.queues.send('inbox', [{ body: message.body }])
    await cloud.settle()
    const after = await cloud.call(cloud.b, 'GET', `/20180608/keys/${String(body['id'])}`, undefined, { host: vaultId })
    expect(after.body).toEqual(before.body)
    expect(await decrypt(cloud, cloud.b, vaultId, body['id'], old)).toMatchObject({ status: 200 })
  })

  test('of a replica that was deleted since are dropped', async () => {
    cloud = await twoRegions()
    const vaultId = await makeReplicatedVault(cloud)
    cloud.link.sent.length = 0
    const { body } = await makeKey(cloud, vaultId)
    await cloud.settle()
    const late = cloud.link.sent.filter(({ to, queue }) => to === regionB && queue === 'inbox')
    await deleteReplica(cloud, vaultId)
    await cloud.settle()
    for (const message of late) await cloud.b.store.queues.send('inbox', [{ body: message.body }])
    await cloud.settle()
    expect(await cloud.b.store.tables.get('Keys', String(body['id']), 'key')).toBeUndefined()
    expect(await cloud.b.store.tables.get('Vaults', vaultId, 'vault')).toBeUndefined()
  })

  test.each([
    ['body', (text: string) => text.replace('ENABLED', 'DISABLED')],
    ['source', (text: string) => text.replace('"source":"us-ashburn-1"', '"source":"us-phoenix-1"')],
    ['destination', (text: string) => text.replace('"destination":"us-phoenix-1"', '"destination":"eu-x-1"')],
    ['format', (text: string) => text.replace('vaultspan/envelope/1', 'vaultspan/envelope/9')],
    ['signature', (text: string) => text.replace('"signature":"M', '"signature":"N')],
  ])('with an altered %s are refused and change nothing', async (_part, alter) => {
    cloud = await twoRegions()
    const vaultId = await makeReplicatedVault(cloud)
    cloud.link.isUp = false
    const { body } = await makeKey(cloud, vaultId)
    cloud.link.isUp = true
    cloud.link.sent.length = 0
    const again = await makeKey(cloud, vaultId)
    const [genuine] = cloud.link.sent
    const altered = alter(genuine?.body ?? '')
    expect(altered).not.toBe(genuine?.body)
    await cloud.b.store.queues.delete(
      'inbox',
      (await cloud.b.store.queues.receive('inbox', 10, 1)).map(({ id }) => id),
    )
    await cloud.b.store.queues.send('inbox', [{ body: altered }])
    cloud.link.isUp = false
    await cloud.settle(4)
    for (const key of [body, again.body]) {
      expect(await cloud.b.store.tables.get('Keys', String(key['id']), 'key')).toBeUndefined()
    }
  })
})

describe('a row that somebody wrote into a table', () => {
  test.each([
    ['lifecycleState', 'ENABLED'],
    ['compartmentId', 'ocid1.compartment.oc1..aaaa'],
    ['protectionMode', 'SOFTWARE'],
    ['revision', 99],
  ])('with another %s gives nobody the use of the key: 500, and no reason told', async (field, value) => {
    cloud = await twoRegions()
    const vaultId = await makeVault(cloud)
    const { body } = await makeKey(cloud, vaultId)
    const keyId = String(body['id'])
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/actions/disable`, undefined, { host: vaultId })
    const stored = await cloud.a.store.tables.get('Keys', keyId, 'key')
    await cloud.a.store.tables.write([
      { op: 'put', table: 'Keys', item: { ...stored, pk: keyId, sk: 'key', [field]: value } },
    ])
    const used = await cloud.call(cloud.a, 'POST', '/20180608/encrypt', { keyId, plaintext: 'aGk=' }, { host: vaultId })
    expect(used).toMatchObject({ status: 500, body: { code: 'InternalServerError' } })
    expect(JSON.stringify(used.body)).not.toMatch(/MAC|row/i)
  })

  test('a policy that the home region did not sign admits nobody', async () => {
    cloud = await twoRegions()
    const { tables } = cloud.a.store
    const page = await tables.query('Identity', cloud.tenancyId, 'policy#', { limit: 1 })
    const [policy] = page.items
    const forged = {
      ...policy,
      pk: cloud.tenancyId,
      sk: 'policy#forged',
      statements: ['Allow any-user to manage all-resources in tenancy'],
    }
    await tables.write([{ op: 'put', table: 'Identity', item: forged }])
    // Who runs already goes by the log, in which it is not.
    const policies = await cloud.call(cloud.a, 'GET', `/20160918/policies?compartmentId=${cloud.tenancyId}`)
    expect(policies.list.map(({ statements }) => statements)).not.toContainEqual(forged.statements)
    // Who starts reads every row.
    const { queues, clock, log } = cloud.a.runtime
    const opened = tablesWith(tables, {})
    const runtime = composeTestRegion({ region: regionA, tables: opened, queues, hsm: cloud.a.hsm, clock, log })
    const started = { runtime, hsm: cloud.a.hsm }
    const listed = await cloud.call(started, 'GET', `/20180608/vaults?compartmentId=${cloud.tenancyId}`)
    expect(listed).toMatchObject({ status: 500, body: { code: 'InternalServerError' } })
  })
})
