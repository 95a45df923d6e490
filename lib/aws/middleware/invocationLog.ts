import type { MiddlewareObj } from '@middy/core'
import type { Json } from '../../canonicalJson.ts'
import type { Logger } from '../../ports.ts'

type Details = Readonly<Record<string, Json | undefined>>

/** One line for each invocation by a stream, a queue or a schedule: how much came, what became of it, and how long it took. */
export function invocationLog(log: Logger, clock: () => number): MiddlewareObj {
  let startedAt = 0
  const line = (event: unknown, became: Details) => {
    log.info('Invoked.', { ...cameIn(event), ...became, ms: Math.round(clock() - startedAt) })
  }
  return {
    before: () => {
      startedAt = clock()
    },
    after: ({ event, response }) => {
      line(event, becameOf(response))
    },
    onError: ({ event }) => {
      line(event, { failed: true })
    },
  }
}

function cameIn(event: unknown): Details {
  const { Records } = event as { Records?: readonly unknown[] }
  return Records === undefined ? {} : { records: Records.length }
}

function becameOf(response: unknown): Details {
  const { batchItemFailures } = (response ?? {}) as { batchItemFailures?: readonly unknown[] }
  return { failures: batchItemFailures?.length }
}
