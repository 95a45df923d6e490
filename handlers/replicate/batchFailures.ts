import middy, { type MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'

/** Which items of a batch are to come again; all others are done. */
export interface BatchFailures {
  readonly batchItemFailures: { itemIdentifier: string }[]
}

/** The handler's answer, which names what failed, becomes what an event source mapping reads. */
const partialBatchFailure: MiddlewareObj<unknown, unknown> = {
  after: (request) => {
    const failed = request.response as readonly string[]
    request.response = { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) }
  },
}

/** A function of a stream or a queue, made of a handler that resolves with the identifiers of those items that failed. */
export function batchFunction<E>(work: (event: E) => Promise<readonly string[]>): (event: E) => Promise<BatchFailures> {
  // Lambda's own time is kept around it (lib/aws/lambdaFunction.ts).
  const handler = middy(work, { timeoutEarlyInMillis: 0 }).use(partialBatchFailure)
  return async (event) => (await handler(event, noContext)) as unknown as BatchFailures
}

/** The embedded host has none, and no handler reads one. */
const noContext = {} as Context

/** Works all entries at once; what fails is reported and comes again, holding up no other. */
export async function failedOf<T extends { readonly itemIdentifier: string }>(
  entries: Iterable<T>,
  work: (entry: T) => Promise<void>,
  report: (cause: unknown) => void,
): Promise<readonly string[]> {
  const failed = await Promise.all(
    [...entries].map(async (entry) => {
      try {
        await work(entry)
        return []
      } catch (cause) {
        report(cause)
        return [entry.itemIdentifier]
      }
    }),
  )
  return failed.flat()
}
