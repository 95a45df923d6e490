import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { isKmsError, KmsError } from '../errors.ts'

/** Until when this instance's invocation may call AWS. One for all: Lambda gives an instance one event at a time. */
export class Deadline {
  #at = Infinity

  /** From now; no number: without end. */
  set(remainingMs = Infinity): void {
    this.#at = Date.now() + remainingMs
  }

  get remainingMs(): number {
    return this.#at - Date.now()
  }
}

/** What a caller is told where the time is over or AWS cannot be reached: nothing is wrong with the request. */
export function unavailable(cause?: unknown): KmsError {
  const message = 'The service cannot answer now; try again.'
  return new KmsError('unavailable', message, { retryAfter: 1, ...(cause === undefined ? {} : { cause }) })
}

interface Client {
  readonly middlewareStack: unknown
}

/**
 * Keeps a client's calls, with all their repetitions, within the deadline; whatever may be over at the next try is told as
 * `unavailable`. Returns the client.
 */
export function keepWithin<C extends Client>(client: C, deadline: Deadline): C {
  // The same for every client of the SDK; only the names of its commands differ.
  const stack = client.middlewareStack as DynamoDBClient['middlewareStack']
  const abandoned = new WeakSet<object>()
  stack.add(
    (next, call) => async (args) => {
      try {
        return await beforeDeadline(deadline, () => next(args))
      } catch (cause) {
        abandoned.add(call)
        throw isPassing(cause) ? unavailable(cause) : cause
      }
    },
    { step: 'initialize', name: 'deadline' },
  )
  // Behind the SDK's own repeating: what nobody waits for any more is not tried again.
  stack.add(
    (next, call) => async (args) => {
      if (deadline.remainingMs <= 0 || abandoned.has(call)) throw unavailable()
      return next(args)
    },
    { step: 'finalizeRequest', name: 'deadlineOfTry', priority: 'low' },
  )
  return client
}

/** The longest time that a timer takes. */
const maxTimerMs = 2_147_483_647

async function beforeDeadline<T>(deadline: Deadline, call: () => Promise<T>): Promise<T> {
  const { remainingMs } = deadline
  if (remainingMs <= 0) throw unavailable()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => {
        reject(unavailable())
      },
      Math.min(remainingMs, maxTimerMs),
    ).unref()
  })
  const answer = call()
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
    // Where nobody waits any more, its failure is nobody's.
    answer.catch(() => undefined)
  }
}

/** Names that AWS gives to errors which say nothing against the call itself. */
const passing = new Set([
  'DependencyTimeoutException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
])

const brokenConnection = /^E(CONNREFUSED|CONNRESET|HOSTUNREACH|NETUNREACH|NOTFOUND|PIPE|TIMEDOUT|AI_AGAIN)$/

function isPassing(error: unknown): boolean {
  if (isKmsError(error) || typeof error !== 'object' || error === null) return false
  const { name, code, $metadata } = error as {
    name?: string
    code?: string
    $metadata?: { readonly httpStatusCode?: number }
  }
  return passing.has(name ?? '') || brokenConnection.test(code ?? '') || ($metadata?.httpStatusCode ?? 0) >= 500
}
