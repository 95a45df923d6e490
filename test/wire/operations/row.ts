import type { OperationName } from '../../../lib/http/operations.ts'
import { rowsWrittenBy } from '../ociCloud.ts'
import type { Stage } from './stage.ts'

/** One case: an operation, what is tried with it, and what comes of that. */
export interface Row {
  readonly operation: OperationName
  readonly tried: string
  readonly expected: Outcome
  /** Arranges what the case needs, and resolves with the call itself. */
  readonly prepare: (stage: Stage) => Promise<() => Promise<unknown>> | (() => Promise<unknown>)
}

/** `success`, or a refusal's status and code as one text, `404 NotFound`. */
export type Outcome = string
export const success = 'success'
export const invalid = '400 InvalidParameter'
export const missing = '400 MissingParameter'
export const notFound = '404 NotAuthorizedOrNotFound'
export const incorrectState = '409 IncorrectState'
export const conflict = '409 Conflict'
export const invalidatedToken = '409 InvalidatedRetryToken'

/** What a case of one operation needs to know: the stage, for the call that is to be refused. */
export type Tried = readonly [tried: string, expected: Outcome, prepare: Row['prepare']]

/** Rows of several operations, each written as a tuple. */
export function rowsOf(cases: Partial<Record<OperationName, readonly Tried[]>>): readonly Row[] {
  return Object.entries(cases).flatMap(([operation, tried]) =>
    tried.map(([what, expected, prepare]) => ({
      operation: operation as OperationName,
      tried: what,
      expected,
      prepare,
    })),
  )
}

export interface Played {
  readonly outcome: Outcome
  readonly message: string
}

/** The refusals of an operation are arranged first and tried then, so that what they write can be seen in one go. */
export async function play(
  stage: Stage,
  rows: readonly Row[],
): Promise<{ played: ReadonlyMap<Row, Played>; written: readonly string[] }> {
  const played = new Map<Row, Played>()
  const refusals = rows.filter(({ expected }) => expected !== success)
  const calls: { row: Row; call: () => Promise<unknown> }[] = []
  for (const row of refusals) {
    try {
      calls.push({ row, call: await row.prepare(stage) })
    } catch (cause) {
      played.set(row, { outcome: 'could not be arranged', message: String(cause) })
    }
  }
  const written = await rowsWrittenBy(stage.oci, async () => {
    for (const { row, call } of calls) played.set(row, await outcomeOf(call))
  })
  for (const row of rows.filter(({ expected }) => expected === success)) {
    played.set(row, await outcomeOf(async () => (await row.prepare(stage))()))
  }
  return { played, written }
}

async function outcomeOf(call: () => Promise<unknown>): Promise<Played> {
  try {
    await call()
    return { outcome: success, message: '' }
  } catch (cause) {
    const { statusCode, serviceCode, message } = cause as Record<string, unknown>
    // What is no answer is the case's own: an expectation of its, or a mistake.
    const outcome = typeof statusCode === 'number' ? `${statusCode} ${String(serviceCode)}` : 'failed'
    return { outcome, message: String(message) }
  }
}
