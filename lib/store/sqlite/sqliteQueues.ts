import type { Clock, QueueMessage, QueueName } from '../../ports.ts'
import {
  deadLetterQueue,
  type AnyQueueName,
  type DeadLetter,
  type QueueCounts,
  type QueueOptions,
  type Received,
  type SentMessage,
  type WatchedQueues,
} from '../regionQueues.ts'
import { requireSendable } from '../requireSendable.ts'
import type { GroupCommit } from './groupCommit.ts'
import { MessageStatements, type MessageRow } from './messageStatements.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'

export interface SqliteQueuesOptions {
  readonly database: SqliteDatabase
  readonly commit: GroupCommit
  readonly clock: Clock
  /** Makes messages' ids; unique in the region for ever. */
  readonly newId: () => string
  readonly queues?: Partial<Readonly<Record<AnyQueueName, QueueOptions>>>
}

/** A queue may now hold a message earlier than `nextVisibleAt` said; these are new in it. */
export type SendListener = (name: AnyQueueName, sent: readonly SentMessage[]) => void

const allQueues: readonly AnyQueueName[] = ['inbox', 'outcome', 'outbox', 'inboxDlq', 'outcomeDlq', 'outboxDlq']
const day = 86_400_000
const defaults: QueueOptions = { visibilityMs: 30_000, retentionMs: 14 * day }
/** So that a long run of expired messages does not hold up the event loop. */
const maxRounds = 100

/** One region's queues, in the same file and the same group commits as its tables. */
export class SqliteQueues implements WatchedQueues {
  readonly #commit: GroupCommit
  readonly #clock: Clock
  readonly #newId: () => string
  readonly #queues: Partial<Readonly<Record<AnyQueueName, QueueOptions>>>
  readonly #messages: MessageStatements
  readonly #listeners = new Set<SendListener>()

  constructor({ database, commit, clock, newId, queues = {} }: SqliteQueuesOptions) {
    this.#commit = commit
    this.#clock = clock
    this.#newId = newId
    this.#queues = queues
    this.#messages = new MessageStatements(database)
  }

  async send(name: QueueName, messages: readonly QueueMessage[]): Promise<void> {
    messages.forEach(requireSendable)
    if (messages.length === 0) return
    const store = (): readonly SentMessage[] => {
      const now = this.#clock()
      return messages.map(({ body, delaySeconds = 0 }) => {
        const id = this.#newId()
        this.#messages.insert(id, name, body, now, now + delaySeconds * 1000)
        return { id, body }
      })
    }
    await this.#commit.run(store, {
      committed: (sent) => {
        this.#wake(name, sent)
      },
    })
  }

  async receive(
    name: QueueName,
    max: number,
    visibilityMs = this.#optionsOf(name).visibilityMs,
  ): Promise<readonly Received[]> {
    if (!Number.isInteger(max) || max < 1) throw new RangeError(`Receive at least 1 message, not ${max}.`)
    return this.#commit.run(() => this.#take(name, max, visibilityMs), { durable: false })
  }

  async delete(name: AnyQueueName, ids: readonly string[]): Promise<void> {
    const remove = (): void => {
      for (const id of ids) this.#messages.delete(name, id)
    }
    // A deletion lost with the power is a second delivery, which consumers bear anyway.
    await this.#commit.run(remove, { durable: false })
  }

  async changeVisibility(name: QueueName, id: string, ms: number): Promise<void> {
    const hide = (): void => {
      this.#messages.setVisibleAt(name, id, this.#clock() + ms)
    }
    await this.#commit.run(hide, {
      durable: false,
      committed: () => {
        this.#wake(name)
      },
    })
  }

  /** For a host that starts: what its predecessor held when it died is delivered now, not after its time-out. */
  async releaseHeld(): Promise<void> {
    await this.#commit.run(
      () => {
        this.#messages.release(this.#clock())
      },
      { durable: false },
    )
  }

  async deadLetter(name: QueueName, id: string, reason: string): Promise<void> {
    const dlq = deadLetterQueue(name)
    const move = (): boolean => this.#messages.bury(name, id, dlq, reason, this.#clock())
    await this.#commit.run(move, {
      committed: (moved) => {
        if (moved) this.#wake(dlq)
      },
    })
  }

  async deadLetters(name: QueueName, limit: number): Promise<readonly DeadLetter[]> {
    const dlq = deadLetterQueue(name)
    const rows = this.#messages.list(dlq, this.#sentAfter(dlq), limit)
    return rows.map((row) => ({ ...received(row), reason: row.reason ?? '' }))
  }

  async redrive(name: QueueName, ids: readonly string[]): Promise<number> {
    const dlq = deadLetterQueue(name)
    const move = (): number => ids.filter((id) => this.#messages.revive(dlq, id, name, this.#clock())).length
    return this.#commit.run(move, {
      committed: (moved) => {
        if (moved > 0) this.#wake(name)
      },
    })
  }

  async counts(name: AnyQueueName): Promise<QueueCounts> {
    return this.#messages.counts(name, this.#clock(), this.#sentAfter(name))
  }

  /** Removes up to `limit` messages per queue that are past its retention; resolves with their number. */
  async sweepExpired(limit: number): Promise<number> {
    const sweep = (): number =>
      allQueues.reduce((sum, name) => sum + this.#messages.sweep(name, this.#sentAfter(name), limit), 0)
    return this.#commit.run(sweep, { durable: false })
  }

  /** The time from which `receive` is worth calling; undefined while the queue is empty. */
  nextVisibleAt(name: AnyQueueName): number | undefined {
    return this.#messages.nextVisibleAt(name)
  }

  contents(name: QueueName, limit: number): readonly SentMessage[] {
    return this.#messages.list(name, this.#sentAfter(name), limit)
  }

  /** Called after the commit, before the sender's promise resolves. Returns the way to unsubscribe. A listener must not throw. */
  onSend(listener: SendListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #take(name: QueueName, max: number, visibilityMs: number): readonly Received[] {
    const now = this.#clock()
    const { maxReceives = Infinity } = this.#optionsOf(name)
    const sentAfter = this.#sentAfter(name)
    const taken: Received[] = []
    for (let round = 0; round < maxRounds && taken.length < max; round += 1) {
      const rows = this.#messages.visible(name, now, max - taken.length)
      if (rows.length === 0) break
      for (const row of rows) {
        if (row.first_sent_at <= sentAfter) this.#messages.delete(name, row.id)
        else if (row.receive_count >= maxReceives) {
          const reason = `Received ${row.receive_count} times without being deleted.`
          this.#messages.bury(name, row.id, deadLetterQueue(name), reason, now)
        } else {
          this.#messages.take(row.id, now + Math.max(visibilityMs, 1))
          taken.push({ ...received(row), receiveCount: row.receive_count + 1 })
        }
      }
    }
    return taken
  }

  #optionsOf(name: AnyQueueName): QueueOptions {
    return this.#queues[name] ?? defaults
  }

  /** What was sent at this time or before is past its queue's retention. */
  #sentAfter(name: AnyQueueName): number {
    return this.#clock() - this.#optionsOf(name).retentionMs
  }

  #wake(name: AnyQueueName, sent: readonly SentMessage[] = []): void {
    for (const listener of this.#listeners) listener(name, sent)
  }
}

function received({ id, body, receive_count, first_sent_at }: MessageRow): Received {
  return { id, body, receiveCount: receive_count, firstSentAt: first_sent_at }
}
