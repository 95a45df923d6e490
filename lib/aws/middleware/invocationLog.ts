import type { MiddlewareObj } from '@middy/core'
import type { Json } from '../../canonicalJson.ts'
import type { Logger } from '../../ports.ts'

type Details = Readonly<Record<string, Json | undefined>>

/** One line for each invocation: what came, what became of it, and how long it took. Never a header, a body or a message. */
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
    onError: ({ event, response }) => {
      line(event, response === undefined ? { failed: true } : becameOf(response))
    },
  }
}

function cameIn(event: unknown): Details {
  const { requestContext, rawPath, Records } = event as {
    requestContext?: { http?: { method?: string } }
    rawPath?: string
    Records?: readonly unknown[]
  }
  if (rawPath !== undefined) return { method: requestContext?.http?.method, path: rawPath }
  return Records === undefined ? {} : { records: Records.length }
}

function becameOf(response: unknown): Details {
  const { statusCode, batchItemFailures } = (response ?? {}) as {
    statusCode?: number
    batchItemFailures?: readonly unknown[]
  }
  return { status: statusCode, failures: batchItemFailures?.length }
}
