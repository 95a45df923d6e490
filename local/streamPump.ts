import type { DynamoDBStreamEvent } from 'aws-lambda'
import type { BatchFailures } from '../handlers/replicate/batchFailures.ts'
import type { Item, TableName, Tables } from '../lib/ports.ts'
import type { NumberedChange } from '../lib/store/sqlite/changeLog.ts'
import type { SqliteTables } from '../lib/store/sqlite/sqliteTables.ts'
import { streamRecord } from './streamRecord.ts'

export interface StreamPumpOptions {
  readonly consume: (event: DynamoDBStreamEvent) => Promise<BatchFailures>
  /** After so many tries the batch is halved until the change that fails is alone: that one becomes a dead letter. */
  readonly maxTries?: number
  /** How long changes are collected before the function is called, as Lambda's batching window does. */
  readonly windowMs?: number
  readonly firstRetryMs?: number
  readonly onError: (cause: unknown) => void
}

interface Failure {
  readonly seq: number
  readonly reason: unknown
  /** The function named this very change, so there is nothing to search for. */
  readonly isNamed: boolean
}

const batchSize = 100
const maxRetryMs = 5_000

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
  /** While a failing change is searched for: how many are tried together, and where the failing batch ends. */
  #search: { size: number; readonly until: number } | undefined

  constructor(tables: SqliteTables, options: StreamPumpOptions) {
    this.#tables = tables
    this.#options = { maxTries: 5, windowMs: 50, firstRetryMs: 100, ...options }
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
    this.#timer = undefined
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
        if (this.#hasMore) this.#wake(this.#pause())
      })
    }, delayMs)
  }

  #pause(): number {
    if (this.#tries === 0 || this.#search !== undefined) return 0
    return Math.min(maxRetryMs, this.#options.firstRetryMs * 2 ** (this.#tries - 1))
  }

  async #run(): Promise<void> {
    try {
      const found = await this.#tables.readChanges(0, this.#search?.size ?? batchSize)
      const { until = Infinity } = this.#search ?? {}
      const changes = found.filter(({ seq }) => seq <= until)
      const last = changes.at(-1)
      if (last !== undefined) await this.#settle(changes, last, await this.#deliver(changes))
      // What lies behind the searched batch, and what did not fit into this one.
      if (found.length === batchSize || this.#search !== undefined) this.#hasMore = true
      if (last === undefined) this.#search = undefined
    } catch (cause) {
      if (this.#isStopped) return
      this.#options.onError(cause)
      this.#tries = Math.min(this.#tries + 1, 10)
      this.#hasMore = true
    }
  }

  /** One call per table, as each table has a stream of its own. Resolves with the first change that failed. */
  async #deliver(changes: readonly NumberedChange[]): Promise<Failure | undefined> {
    const tables = Map.groupBy(changes, ({ table }) => table).values()
    const failures = await Promise.all(Array.from(tables, (ofOneTable) => this.#call(ofOneTable)))
    return failures.flat().sort((a, b) => a.seq - b.seq)[0]
  }

  async #call(changes: readonly NumberedChange[]): Promise<readonly Failure[]> {
    try {
      const { batchItemFailures } = await this.#options.consume({ Records: changes.map(streamRecord) })
      const reason = 'The function reported it as failed; its log has the cause.'
      return batchItemFailures.map(({ itemIdentifier }) => ({ seq: Number(itemIdentifier), reason, isNamed: true }))
    } catch (reason) {
      this.#options.onError(reason)
      return changes.slice(0, 1).map(({ seq }) => ({ seq, reason, isNamed: changes.length === 1 }))
    }
  }

  /** Everything before the first failure is done. */
  async #settle(changes: readonly NumberedChange[], last: NumberedChange, failure?: Failure): Promise<void> {
    if (failure === undefined) {
      this.#tries = 0
      await this.#tables.trimChanges(last.seq)
      return
    }
    this.#hasMore = true
    if (changes.some(({ seq }) => seq < failure.seq)) await this.#tables.trimChanges(failure.seq - 1)
    this.#tries += 1
    if (this.#search === undefined && this.#tries < this.#options.maxTries) return
    const change = changes.find(({ seq }) => seq === failure.seq)
    if (!failure.isNamed || change === undefined) {
      const size = this.#search?.size ?? changes.length
      this.#search = { size: Math.max(1, Math.floor(size / 2)), until: this.#search?.until ?? last.seq }
      return
    }
    await bury(this.#tables, change, failure.reason)
    await this.#tables.trimChanges(change.seq)
    this.#options.onError(new Error(`The change of ${change.table} ${change.pk} ${change.sk} became a dead letter.`))
    this.#tries = 0
    this.#search = undefined
  }
}

const streamed: ReadonlySet<TableName> = new Set<TableName>(['Vaults', 'Keys', 'Identity'])
const deadPk = 'deadChanges'

/** INVARIANT: stands before the change is forgotten, so that none is lost without a trace. */
async function bury(tables: Pick<Tables, 'write'>, { seq, table, pk, sk }: NumberedChange, reason: unknown) {
  const of = { table, pk, sk }
  const item: Item = { pk: deadPk, sk: String(seq).padStart(16, '0'), change: of, reason: String(reason) }
  await tables.write([{ op: 'put', table: 'Replication', item }])
}

/** Changes that no try could send, oldest first. */
export async function deadChanges(tables: Pick<Tables, 'query'>, limit: number): Promise<readonly Item[]> {
  return (await tables.query('Replication', deadPk, '', { limit })).items
}
