import { home, other } from './deployment.ts'
import type { ReplicatedVault } from './replicationStory.ts'
import { text, until, type Secret, type Stage } from './stage.ts'

/** What the queues have lost after all, and `reconcile` brings over. */
export function reconcileStory(stage: Stage, replicated: () => ReplicatedVault): void {
  let lost: Secret

  test('EventBridge has called reconcile by itself, and it has come to an end', async () => {
    await until(() => stage.deployment.aws.hasReconciled(home))
  })

  test('a key whose every message is lost on its way is not at the replica', async () => {
    const { vault, replica } = replicated()
    const lose = async () => {
      lost = await stage.encrypt(vault, (await stage.makeKey(vault, 'lost')).id)
    }
    // Before the inbox is worked again: from then on EventBridge's next reconcile, of any moment, brings it over.
    const messages = await stage.deployment.aws.losingInbox(other, lose, async () => {
      expect(await stage.hasKey(replica, lost.keyId)).toBe(false)
      expect(await stage.isReplicated(vault, lost.keyId)).toBe(false)
    })
    expect(messages).toBeGreaterThan(0)
    expect(await stage.decrypt(vault, lost)).toBe(text)
  })

  test('reconcile finds it and sends it again; the source says that it is REPLICATED', async () => {
    const { vault, replica } = replicated()
    await stage.deployment.aws.invoke(home, 'reconcile')
    await until(() => stage.isReplicated(vault, lost.keyId))
    await until(() => stage.opens(replica, lost))
    expect(await stage.decrypt(replica, lost)).toBe(text)
  })
}
