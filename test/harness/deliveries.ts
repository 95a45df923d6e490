import type { QueueName } from '../../lib/ports.ts'
import { workInbox, type Delivered } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import type { Body } from '../../lib/replication/messages/signedMessage.ts'
import type { TestRegion } from './twoRegions.ts'

/** Messages between regions, one by one, for tests that decide themselves what arrives, when, and how often. */

/** Takes a queue's messages out of it, for good. */
export async function taken({ store }: TestRegion, name: QueueName): Promise<readonly string[]> {
  const messages = await store.queues.receive(name, 100)
  await store.queues.delete(
    name,
    messages.map(({ id }) => id),
  )
  return messages.map(({ body }) => body)
}

export function bodyOf(text: string): Body {
  return JSON.parse((JSON.parse(text) as { readonly body: string }).body) as Body
}

/** Works what lies in a replica's inbox, and nothing that follows from it. */
export async function workInboxOf(region: TestRegion): Promise<readonly Delivered[]> {
  return workInbox(region.runtime, await taken(region, 'inbox'))
}

/** Works what a primary's replicas answered, and nothing that follows from it. */
export async function workOutcomeOf(region: TestRegion): Promise<void> {
  for (const text of await taken(region, 'outcome')) await workOutcome(region.runtime, text)
}

/** What happens to changes that lie in a stream for longer than it keeps them. */
export async function loseTheStream({ store }: TestRegion): Promise<void> {
  const changes = await store.tables.readChanges(0, 1000)
  await store.tables.trimChanges(changes.at(-1)?.seq ?? 0)
}
