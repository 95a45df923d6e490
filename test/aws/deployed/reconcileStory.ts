import { home, other } from './deployment.ts'
import type { ReplicatedVault } from './replicationStory.ts'
import { text, until, type Secret, type Stage } from './stage.ts'

/** A run looks at one of the shards of a vault's keys (lib/replication/reconcile.ts). */
const runsForAll = 16

/** What the queues have lost after all, and `reconcile` brings over. */
export function reconcileStory(stage: Stage, replicated: () => ReplicatedVault): void {
  let lost: Secret

  test('EventBridge has called reconcile by itself, which goes on where it was', async () => {
    const cursor = () => stage.deployment.aws.reconcileCursor(home, replicated().vault.id)
    await until(async () => (await cursor()) !== undefined)
    const before = await cursor()
    await stage.deployment.aws.invoke(home, 'reconcile')
    expect(await cursor()).not.toBe(before)
  })

  test('a key whose every message is lost on its way is not at the replica', async () => {
    const { vault, replica } = replicated()
    const messages = await stage.deployment.aws.losingInbox(other, async () => {
      lost = await stage.encrypt(vault, (await stage.makeKey(vault, 'lost')).id)
    })
    expect(messages).toBeGreaterThan(0)
    expect(await stage.decrypt(vault, lost)).toBe(text)
    expect(await stage.hasKey(replica, lost.keyId)).toBe(false)
    expect(await stage.isReplicated(vault, lost.keyId)).toBe(false)
  })

  test('reconcile finds it and sends it again; the source says that it is REPLICATED', async () => {
    const { vault, replica } = replicated()
    for (let run = 0; run < runsForAll; run += 1) await stage.deployment.aws.invoke(home, 'reconcile')
    await until(() => stage.isReplicated(vault, lost.keyId))
    expect(await stage.decrypt(replica, lost)).toBe(text)
  })
}
