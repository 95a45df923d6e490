/** A step's own verdict: what was expected and did not happen, in one line. */
export class TourFailure extends Error {}

/** One line for whatever a step threw: the service's refusal, a broken connection, or a failed expectation. */
export function reasonOf(cause: unknown): string {
  if (isRefusal(cause)) return oneLine(`${cause.statusCode} ${cause.serviceCode}: ${cause.message}`)
  const message = memberOf(cause, 'message')
  const text = typeof message === 'string' ? message : String(cause)
  const endpoint = memberOf(cause, 'requestEndpoint')
  return oneLine(typeof endpoint === 'string' ? `no answer from ${endpoint} (${text})` : text)
}

export interface Refusal {
  readonly statusCode: number
  readonly serviceCode: string
  readonly message: string
}

/** An answer of the service that the official client threw as an error. */
export function isRefusal(cause: unknown): cause is Refusal {
  return typeof memberOf(cause, 'statusCode') === 'number'
}

/** The system's name for a broken connection, e.g. ECONNREFUSED. */
export function systemCode(cause: unknown): string | undefined {
  const code = memberOf(cause, 'code') ?? memberOf(memberOf(cause, 'cause'), 'code')
  return typeof code === 'string' ? code : undefined
}

/** The official client throws plain objects where there was no answer. */
function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
