import type { QueueMessage, QueueName } from '../ports.ts'

export type DeadLetterQueueName = `${QueueName}Dlq`
export type AnyQueueName = QueueName | DeadLetterQueueName

export const maxBodyBytes = 256_000
export const maxDelaySeconds = 900

export interface SentMessage {
  /** Names the message to `delete`, `changeVisibility` and `deadLetter`. */
  readonly id: string
  readonly body: string
}

export interface Received extends SentMessage {
  /** 1 at the first delivery. */
  readonly receiveCount: number
  /** Milliseconds since 1970. */
  readonly firstSentAt: number
}

export interface DeadLetter extends Received {
  readonly reason: string
}

/** Messages that can be received now, that somebody holds, and that were sent with a delay. */
export interface QueueCounts {
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
}

export interface QueueOptions {
  /** How long a received message stays hidden where `receive` does not say. */
  readonly visibilityMs: number
  /** A message received this often and still there goes to the dead-letter queue instead of being delivered again. */
  readonly maxReceives?: number
  /** Counted from the first sending, in the dead-letter queue too, whose own retention should be longer. */
  readonly retentionMs: number
}

/**
 * The queues of one region as their consumers see them; producers see the `Queues` port.
 * Standard queues: at least once, in any order; test/store/queueContract.ts runs every clause on every adapter.
 */
export interface RegionQueues {
  /**
   * Resolves when all messages are durable.
   * @throws RangeError for a body over 256,000 bytes or not well-formed, or a delay over 900 s; nothing is sent then.
   */
  send(name: QueueName, messages: readonly QueueMessage[]): Promise<void>
  /** Up to `max` messages, hidden from other receivers for the time given. May return fewer than there are. */
  receive(name: QueueName, max: number, visibilityMs?: number): Promise<readonly Received[]>
  /** Ids that are no longer there are ignored. */
  delete(name: AnyQueueName, ids: readonly string[]): Promise<void>
  /** Hides a received message for `ms` from now; 0 returns it at once. */
  changeVisibility(name: QueueName, id: string, ms: number): Promise<void>
  /** Moves a message to the dead-letter queue, for what no further delivery can cure. */
  deadLetter(name: QueueName, id: string, reason: string): Promise<void>
  /** What lies in `${name}Dlq`, oldest first. */
  deadLetters(name: QueueName, limit: number): Promise<readonly DeadLetter[]>
  /** Moves dead letters back to their queue as if sent now, never received. Resolves with how many there were. */
  redrive(name: QueueName, ids: readonly string[]): Promise<number>
  counts(name: AnyQueueName): Promise<QueueCounts>
}

/** Queues of the same process, which tell when there is something to receive. */
export interface WatchedQueues extends RegionQueues {
  /** The time from which `receive` is worth calling; undefined while the queue is empty. */
  nextVisibleAt(name: AnyQueueName): number | undefined
  /**
   * Tells that a queue may hold a message earlier than `nextVisibleAt` said, with those that are new in it. Returns the way
   * to unsubscribe. A listener must not throw.
   */
  onSend(listener: (name: AnyQueueName, sent: readonly SentMessage[]) => void): () => void
  /** What lies in a queue, whoever holds it, oldest first. */
  contents(name: QueueName, limit: number): readonly SentMessage[]
}

export function deadLetterQueue(name: QueueName): DeadLetterQueueName {
  return `${name}Dlq`
}
