import type { SQSEvent } from 'aws-lambda'
import type { BatchFailures } from '../../handlers/replicate/batchFailures.ts'

export interface HeldMessage {
  readonly id: string
  readonly body: string
  /** 1 at the first delivery. */
  readonly receiveCount: number
}

export interface QueueMappingOptions<M extends HeldMessage> {
  readonly invoke: (event: SQSEvent) => Promise<BatchFailures>
  readonly delete: (messages: readonly M[]) => Promise<void>
  /** Hides a message that failed until its next attempt, or buries it; not needed where the queue does so by itself. */
  readonly putBack?: (message: M) => Promise<void>
  readonly onError: (cause: unknown) => void
}

/**
 * The event source mapping of a queue, for one batch that was received: what the function has taken is deleted, what it
 * reports as failed is put back; where it fails as a whole, that is all of them. Resolves with those that are gone.
 */
export async function workBatch<M extends HeldMessage>(
  messages: readonly M[],
  options: QueueMappingOptions<M>,
): Promise<readonly M[]> {
  const failed = await failedOf(messages, options)
  const done = messages.filter(({ id }) => !failed.has(id))
  if (done.length > 0) await options.delete(done)
  const { putBack } = options
  if (putBack !== undefined) await Promise.all(messages.filter(({ id }) => failed.has(id)).map(putBack))
  return done
}

async function failedOf<M extends HeldMessage>(
  messages: readonly M[],
  { invoke, onError }: QueueMappingOptions<M>,
): Promise<ReadonlySet<string>> {
  const Records = messages.map(({ id, body, receiveCount }) => ({
    messageId: id,
    body,
    attributes: { ApproximateReceiveCount: String(receiveCount) },
  }))
  try {
    const { batchItemFailures } = await invoke({ Records } as SQSEvent)
    return new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
  } catch (cause) {
    onError(cause)
    return new Set(messages.map(({ id }) => id))
  }
}
