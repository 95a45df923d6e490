import { isKmsError } from '../errors.ts'
import type { Json } from '../canonicalJson.ts'
import type { Logger } from '../ports.ts'
import { reasonText } from '../refusalReasons.ts'
import type { OperationName } from './operations.ts'

/** An answered request, as the log and the metrics see it. */
export interface SeenRequest {
  /** The answer's opc-request-id. */
  readonly requestId: string
  /** Undefined: no operation has its path. */
  readonly operation: OperationName | undefined
  readonly status: number
  /** The OCID of the user whose signature was verified. */
  readonly caller: string | undefined
  /** What it was refused with. */
  readonly refusal?: unknown
  /** How long it took. */
  readonly ms: number
}

/** Looks on as requests are answered. */
export interface RequestWatch {
  /** Milliseconds since some moment. */
  stopwatch(): number
  answered(request: SeenRequest): void
}

/** One line for each request: a refusal's says why, also where the answer may not. */
export function requestLog(log: Logger, region: string, stopwatch: RequestWatch['stopwatch']): RequestWatch {
  return {
    stopwatch,
    answered: (seen) => {
      const line = lineOf(seen, region)
      const { refusal, status } = seen
      if (isFailure(refusal, status)) log.error('A request failed.', refusal, line)
      else if (refusal !== undefined) log.warn('A request was refused.', line)
      else log.info('A request was answered.', line)
    },
  }
}

function isFailure(refusal: unknown, status: number): boolean {
  return status === 500 || isKmsError(refusal, 'unavailable', 'cannotStore')
}

/** Longer than any sentence of ours; what a caller has sent may stand in it. */
const maxText = 600

function lineOf(
  { operation, status, ms, caller, requestId, refusal }: SeenRequest,
  region: string,
): Readonly<Record<string, Json>> {
  const rounded = Math.round(ms * 100) / 100
  const line = { operation: operation ?? null, status, ms: rounded, caller: caller ?? null, requestId, region }
  return refusal === undefined ? line : { ...line, ...whyOf(refusal) }
}

/** The true reason; where there is none beside the code, what the caller was told. */
function whyOf(refusal: unknown): Readonly<Record<string, Json>> {
  if (!isKmsError(refusal)) return {}
  const { reason, code, message } = refusal
  const why = reason === undefined ? message : reasonText(reason)
  return { reason: reason?.name ?? code, why: why.length > maxText ? `${why.slice(0, maxText)}…` : why }
}
