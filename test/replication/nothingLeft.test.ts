import type { Item, TableName } from '../../lib/ports.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { bodyOf, taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { deleteReplica, makeKey, makeReplicatedVault, replicaStatus } from '../harness/vaultStory.ts'

/** After a replica was deleted nothing of it is left in any table, and no late message brings anything back. */

const cloud = cloudOfEachTest()
let vaultId: string
let sent: readonly string[]
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  await cloud.call(cloud.a, 'GET', '/20180608/wrappingKeys', undefined, { host: vaultId })
  const { body } = await makeKey(cloud, vaultId)
  await cloud.call(cloud.a, 'POST', `/20180608/keys/${String(body['id'])}/keyVersions`, {}, { host: vaultId })
  await cloud.settle()
  cloud.clock.now += 60_000
  await reconcile(cloud.a.runtime)
  await cloud.settle()
  sent = cloud.link.sent
    .filter(({ to, queue }) => to === cloud.b.hsm.region && queue === 'inbox')
    .map(({ body: text }) => text)
  await deleteReplica(cloud, vaultId)
})

const tables: readonly TableName[] = ['Vaults', 'Keys', 'Replication']

/** Rows of the vault or of anything in it, whose OCIDs all have its prefix. */
async function left(): Promise<readonly string[]> {
  const prefix = vaultId.split('.').at(-2) ?? ''
  const found: Item[] = []
  for (const table of tables) found.push(...(await cloud.b.store.tables.scan(table, { limit: 1000 })).items)
  return found.filter((row) => JSON.stringify(row).includes(prefix)).map(({ pk, sk }) => `${pk} ${sk}`)
}

/** By it what comes late is known. */
const fence = () => `fence#${vaultId} fence`

async function deleted(): Promise<void> {
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
}

test('nothing is left of a replica that was deleted but the fence', async () => {
  await deleted()
  expect(await left()).toEqual([fence()])
})

const works = async (texts: readonly string[]) => {
  expect(await workInbox(cloud.b.runtime, texts)).toEqual(texts.map(() => ({ outcome: 'done' })))
}

test('no message that was sent to it before brings anything back', async () => {
  const late = sent.filter((text) => JSON.stringify(bodyOf(text)).includes(vaultId))
  expect(new Set(late.map((text) => bodyOf(text).kind))).toEqual(
    new Set(['linkRequest', 'linkBundle', 'records', 'compare']),
  )
  // The one message that says so, once.
  const [purge = ''] = (await taken(cloud.b, 'inbox')).filter((text) => bodyOf(text).kind === 'purge')
  await works([purge])
  await works(late)
  expect(await left()).toEqual([fence()])
  await deleted()
  await works(late)
  expect(await left()).toEqual([fence()])
})
