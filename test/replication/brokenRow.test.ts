import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import { vaultSk } from '../../lib/kms/rows/rows.ts'
import type { Item } from '../../lib/ports.ts'
import { deadChanges } from '../../lib/replication/deadChanges.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { allowReplication, createReplica, makeKey, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

/** A row that does not verify is one tenant's misfortune: the stream goes on at once, for all others. */

const cloud = cloudOfEachTest()

async function breakVault(vaultId: string): Promise<void> {
  const { tables } = cloud.a.runtime
  const stored = (await tables.get('Vaults', vaultId, vaultSk)) as Item
  await tables.write([{ op: 'put', table: 'Vaults', item: { ...stored, displayName: 'forged' } }])
}

/** A stream record of a row's new image, as far as the fan-out reads it. */
function recordOf(seq: number, members: Record<string, string>) {
  const NewImage = Object.fromEntries(Object.entries(members).map(([name, S]) => [name, { S }]))
  return { dynamodb: { SequenceNumber: String(seq), NewImage } }
}

test('what cannot be worked waits in the outbox; the stream is told that all is done', async () => {
  const { body } = await makeKey(cloud, await makeVault(cloud))
  const vaultId = String(body['vaultId'])
  await breakVault(vaultId)
  const id = String(body['id'])
  const records = [
    recordOf(1, { format: 'vaultspan/vault/1', id: vaultId }),
    recordOf(2, { format: 'vaultspan/key-row/1', id, vaultId }),
    recordOf(3, {
      format: 'vaultspan/key-version-row/1',
      id: 'v',
      keyId: id,
      vaultId,
      timeCreated: '',
      lifecycleState: '',
    }),
  ]
  const { batchItemFailures } = await fanOutFunction(cloud.a.runtime)({
    Records: records,
  })
  expect(batchItemFailures).toEqual([])
  const waiting = await cloud.a.store.queues.receive('outbox', 10, 1000)
  expect(waiting.map(({ body: text }) => (JSON.parse(text) as { task: string }).task).sort()).toEqual([
    'fanOut',
    'fanOut',
    'meterVersion',
  ])
})

test('it becomes a dead letter after its tries, with its reason, and the outbox is empty', async () => {
  const vaultId = await makeVault(cloud)
  await cloud.settle()
  await breakVault(vaultId)
  await cloud.settle()
  expect(await deadChanges(cloud.a.runtime.tables, 10)).toMatchObject([
    { change: { kind: 'vault', vaultId }, reason: expect.stringContaining('does not verify') as unknown },
  ])
  expect(await cloud.a.store.queues.counts('outbox')).toEqual({ visible: 0, inFlight: 0, delayed: 0 })
})

test("another tenant's key replicates behind it", async () => {
  const sound = await makeReplicatedVault(cloud)
  const broken = await makeVault(cloud)
  await allowReplication(cloud)
  await createReplica(cloud, broken)
  await cloud.settle()
  await breakVault(broken)
  const { body } = await makeKey(cloud, sound)
  await cloud.settle()
  const there = await cloud.call(cloud.b, 'GET', `/20180608/keys/${String(body['id'])}`, undefined, { host: sound })
  expect(there).toMatchObject({ status: 200, body: { lifecycleState: 'ENABLED' } })
})
