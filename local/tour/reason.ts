/** A step's own verdict: what was expected and did not happen, in one line. */
export class TourFailure extends Error {}

/** One line for whatever a step threw: the service's refusal, a broken connection, or a failed expectation. */
export function reasonOf(cause: unknown): string {
  if (isRefusal(cause)) return oneLine(`${cause.statusCode} ${cause.serviceCode}: ${cause.message}`)
  if (!Error.isError(cause)) return oneLine(String(cause))
  const inner = cause.cause
  const detail = Error.isError(inner) ? `${cause.message} (${codeOf(inner) ?? inner.message})` : cause.message
  return oneLine(detail)
}

export interface Refusal {
  readonly statusCode: number
  readonly serviceCode: string
  readonly message: string
}

/** An answer of the service that the official client threw as an error. */
export function isRefusal(cause: unknown): cause is Refusal {
  return Error.isError(cause) && 'statusCode' in cause && 'serviceCode' in cause && typeof cause.statusCode === 'number'
}

/** The system's name for a broken connection, e.g. ECONNREFUSED; undefined where there was an answer. */
export function connectionError(cause: unknown): string | undefined {
  if (!Error.isError(cause) || isRefusal(cause)) return undefined
  return codeOf(cause) ?? codeOf(cause.cause)
}

function codeOf(value: unknown): string | undefined {
  const code = typeof value === 'object' && value !== null && 'code' in value ? value.code : undefined
  return typeof code === 'string' ? code : undefined
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
