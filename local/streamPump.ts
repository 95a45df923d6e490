import { marshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import type { BatchFailures } from '../handlers/replicate/batchFailures.ts'
import type { TableName } from '../lib/kms/ports.ts'
import type { NumberedChange } from '../lib/store/sqlite/changeLog.ts'
import type { SqliteTables } from '../lib/store/sqlite/sqliteTables.ts'

export interface StreamPumpOptions {
  readonly consume: (event: DynamoDBStreamEvent) => Promise<BatchFailures>
  /** A change that failed this often is given up; the function's own safety nets remain. */
  readonly maxTries?: number
  /** How long changes are collected before the function is called, as Lambda's batching window does. */
  readonly windowMs?: number
  readonly onError: (cause: unknown) => void
}

const batchSize = 100

/** Feeds the tables' changes to the fan-out, in order, and forgets those that were taken. */
export class StreamPump {
  readonly #tables: SqliteTables
  readonly #options: Required<StreamPumpOptions>
  readonly #detach: () => void
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #hasMore = false
  #tries = 0

  constructor(tables: SqliteTables, options: StreamPumpOptions) {
    this.#tables = tables
    this.#options = { maxTries: 5, windowMs: 50, ...options }
    this.#detach = tables.onCommit((touched) => {
      if (touched.some(({ table }) => streamed.has(table))) this.#wake()
    })
    this.#wake()
  }

  get isIdle(): boolean {
    return this.#running === undefined && this.#timer === undefined
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#detach()
    clearTimeout(this.#timer)
    await this.#running
  }

  #wake(delayMs = this.#options.windowMs): void {
    this.#hasMore = true
    if (this.#isStopped || this.#timer !== undefined || this.#running !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#hasMore = false
      this.#running = this.#run().finally(() => {
        this.#running = undefined
        if (this.#hasMore) this.#wake(this.#tries === 0 ? 0 : this.#options.windowMs * 2 ** this.#tries)
      })
    }, delayMs)
  }

  async #run(): Promise<void> {
    try {
      const changes = await this.#tables.readChanges(0, batchSize)
      const last = changes.at(-1)
      if (last === undefined) return
      const { batchItemFailures } = await this.#options.consume({ Records: changes.map(toRecord) })
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => Number(itemIdentifier)))
      await this.#settle(changes, failed)
      if (changes.length === batchSize || failed.size > 0) this.#hasMore = true
    } catch (cause) {
      if (this.#isStopped) return
      this.#options.onError(cause)
      this.#tries = Math.min(this.#tries + 1, 6)
      this.#hasMore = true
    }
  }

  /** Everything before the first failure is done; a failure that repeats is given up, so that the stream goes on. */
  async #settle(changes: readonly NumberedChange[], failed: ReadonlySet<number>): Promise<void> {
    const last = changes.at(-1)?.seq ?? 0
    const firstFailed = failed.size === 0 ? undefined : Math.min(...failed)
    this.#tries = firstFailed === undefined ? 0 : this.#tries + 1
    if (firstFailed !== undefined && this.#tries >= this.#options.maxTries) {
      this.#options.onError(new Error(`A change (number ${firstFailed}) was given up after ${this.#tries} tries.`))
      this.#tries = 0
      await this.#tables.trimChanges(firstFailed)
      return
    }
    await this.#tables.trimChanges(firstFailed === undefined ? last : firstFailed - 1)
  }
}

const streamed: ReadonlySet<TableName> = new Set<TableName>(['Vaults', 'Keys', 'Identity'])

function toRecord({ seq, table, pk, sk, old, new: image }: NumberedChange): DynamoDBRecord {
  return {
    eventID: `${table}-${seq}`,
    eventName: image === null ? 'REMOVE' : old === null ? 'INSERT' : 'MODIFY',
    eventSource: 'aws:dynamodb',
    dynamodb: {
      SequenceNumber: String(seq),
      StreamViewType: 'NEW_AND_OLD_IMAGES',
      Keys: toImage({ pk, sk }),
      ...(old === null ? {} : { OldImage: toImage(old) }),
      ...(image === null ? {} : { NewImage: toImage(image) }),
    },
  }
}

type Image = NonNullable<NonNullable<DynamoDBRecord['dynamodb']>['NewImage']>

/** The SDK and the event name the same attribute values by different types. */
function toImage(item: object): Image {
  return marshall(item, { removeUndefinedValues: true }) as Image
}
