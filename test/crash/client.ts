import { randomUUID } from 'node:crypto'
import type { Answered, SignedCaller } from '../local/signedCaller.ts'
import type { OperationName } from '../../lib/http/operations.ts'
import type { SeededRandom } from '../simulation/seededRandom.ts'

/** One call that changes something which this client alone changes. */
export interface Change {
  readonly operation: OperationName
  readonly method: 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly body?: unknown
  /** Takes what was answered into the ledger: from now on it must be so. */
  readonly done: (body: Record<string, unknown>) => Promise<void> | void
  /** Answers after which everything is as it was before the call. */
  readonly refusals?: readonly number[]
  /** A repetition of what was done already may be answered so: the wire has no other way to say it. */
  readonly repeated?: number
}

/** What all clients share. */
export interface Load {
  readonly call: SignedCaller
  /** Counts what was acknowledged, by operation. */
  readonly acknowledged: Map<OperationName, number>
  readonly refused: Map<OperationName, number>
  /** Told of every answer. */
  readonly answered: () => void
}

/** The service does not answer any more. */
export class NoAnswer extends Error {}

/**
 * Changes one thing after the other. What got no clear answer is repeated with the same token before anything else, however
 * often the service dies meanwhile.
 */
export class Client {
  readonly name: string
  readonly #next: (random: SeededRandom) => Change
  readonly #random: SeededRandom
  #pending: { readonly change: Change; readonly token: string; isRepeated: boolean } | undefined

  constructor(name: string, random: SeededRandom, next: (random: SeededRandom) => Change) {
    this.name = name
    this.#random = random
    this.#next = next
  }

  get hasPending(): boolean {
    return this.#pending !== undefined
  }

  /** Of what the call that got no answer changes. */
  get pendingUrl(): string {
    return this.#pending?.change.url ?? ''
  }

  /** @throws NoAnswer; Error where what was answered breaks a promise. */
  async step(load: Load): Promise<void> {
    this.#pending ??= { change: this.#next(this.#random), token: randomUUID(), isRepeated: false }
    await this.finishPending(load)
  }

  /** Repeats the call that got no answer, if there is one. */
  async finishPending(load: Load): Promise<void> {
    const pending = this.#pending
    if (pending === undefined) return
    const { change, token, isRepeated } = pending
    pending.isRepeated = true
    const answer = await this.#send(load.call, change, token)
    const { status } = answer
    // Strict mode: committed here, not handed off yet. Ask again.
    if (status === 503 || status === 429) return
    const isDone = status >= 200 && status < 300
    if (!isDone && !(isRepeated && status === change.repeated) && change.refusals?.includes(status) !== true) {
      throw new Error(
        `${this.name}: ${change.operation} ${change.url}${isRepeated ? ', repeated,' : ''} was answered ${status} ${JSON.stringify(answer.body)}`,
      )
    }
    this.#pending = undefined
    load.answered()
    if (change.refusals?.includes(status) === true) {
      count(load.refused, change.operation)
      return
    }
    count(load.acknowledged, change.operation)
    await change.done(answer.body)
  }

  async #send(call: SignedCaller, change: Change, token: string): Promise<Answered> {
    const { method, url, body } = change
    try {
      return await call(method, url, body ?? (method === 'DELETE' ? undefined : {}), { 'opc-retry-token': token })
    } catch (cause) {
      throw new NoAnswer(`${this.name}: ${url} was not answered.`, { cause })
    }
  }
}

function count(of: Map<OperationName, number>, operation: OperationName): void {
  of.set(operation, (of.get(operation) ?? 0) + 1)
}
