import type { MiddlewareObj } from '@middy/core'
import type { Deadline } from '../deadline.ts'

/** Kept from the invocation's time for what comes after the answer is known: the audit's last events. */
export const reserveMs = 1500
/** Kept of that for Lambda itself. */
const lastMs = 300

interface LambdaContext {
  readonly getRemainingTimeInMillis?: () => number
}

/** Gives all calls of AWS what is left of the invocation's time. */
export function keepDeadline(deadline: Deadline): MiddlewareObj {
  const spare = (context: LambdaContext, keptMs: number) => {
    const remaining = context.getRemainingTimeInMillis?.()
    deadline.set(remaining === undefined ? undefined : Math.max(0, remaining - keptMs))
  }
  return {
    before: ({ context }) => {
      spare(context, reserveMs)
    },
    after: ({ context }) => {
      spare(context, lastMs)
    },
    onError: ({ context }) => {
      spare(context, lastMs)
    },
  }
}

/** Writes what the invocation has appended to the audit: between invocations an instance stands still. */
export function flushAudit(flush: () => Promise<void>): MiddlewareObj {
  return { after: flush, onError: flush }
}
