import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { bodyOf, loseTheStream, taken, workInboxOf, workOutcomeOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** A replica's answer to a comparison speaks of the moment of the question: what came after it is no finding. */

const cloud = cloudOfEachTest()
let vaultId: string
let keyId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
  await cloud.settle()
  // A change that the replica never got, and that nobody will send but the comparison.
  await rename('lost')
  await taken(cloud.b, 'inbox')
  await loseTheStream(cloud.a)
  cloud.clock.now += 10_000
  await reconcile(cloud.a.runtime)
  // Asked which leaves differ, the replica tells; the next question, which lies in its inbox now, is for the keys there.
  await workInboxOf(cloud.b)
  await workOutcomeOf(cloud.a)
})

const rename = (displayName: string) =>
  cloud.call(cloud.a, 'PUT', `/20180608/keys/${keyId}`, { displayName }, { host: vaultId })
const found = () => cloud.a.store.tables.get('Replication', 'compared', vaultId)

test('a change that was made before it and is not there is told as waiting', async () => {
  const committedAt = (await cloud.a.store.tables.get('Keys', keyId, 'key'))?.['committedAt']
  await workInboxOf(cloud.b)
  await workOutcomeOf(cloud.a)
  expect(await found()).toMatchObject({ diverged: 0, waiting: { id: keyId, since: committedAt } })
})

test('a change that was made after it is not', async () => {
  const questions = await taken(cloud.b, 'inbox')
  await rename('after the question')
  await taken(cloud.b, 'inbox')
  await workInbox(cloud.b.runtime, questions)
  await workOutcomeOf(cloud.a)
  expect(await found()).toMatchObject({ diverged: 0, waiting: null })
})

test('what the replica acknowledged after it has not diverged', async () => {
  await workInboxOf(cloud.b)
  const [answer = ''] = await taken(cloud.a, 'outcome')
  expect(bodyOf(answer)).toMatchObject({ kind: 'compared', isEqual: false, ranges: expect.any(Array) as unknown })
  await rename('acknowledged')
  await workInboxOf(cloud.b)
  await workOutcomeOf(cloud.a)
  await workOutcome(cloud.a.runtime, answer)
  expect(await found()).toMatchObject({ diverged: 0, waiting: null })
})
