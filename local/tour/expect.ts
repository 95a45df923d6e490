import { connectionError, isRefusal, reasonOf, TourFailure } from './reason.ts'

const firstPauseMs = 2
const maxPauseMs = 100

/** Tries until something is there. @throws TourFailure after `limitMs`, with what stood in the way last. */
export async function until<T>(what: string, attempt: () => Promise<T | undefined>, limitMs = 20_000): Promise<T> {
  const deadline = performance.now() + limitMs
  let last = 'it did not happen'
  for (let pause = firstPauseMs; ; pause = Math.min(maxPauseMs, pause * 2)) {
    try {
      const found = await attempt()
      if (found !== undefined) return found
    } catch (cause) {
      last = reasonOf(cause)
    }
    if (performance.now() > deadline) throw new TourFailure(`${what} took longer than ${limitMs / 1000} s (${last}).`)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

export function requireEqual(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new TourFailure(`${what} is ${String(actual)} and should be ${String(expected)}.`)
}

/** The refusal that a call must meet. @throws TourFailure where it succeeds or fails otherwise. */
export async function requireRefusal(call: Promise<unknown>, status: number, code: string): Promise<string> {
  const [result] = await Promise.allSettled([call])
  if (result.status === 'fulfilled') throw new TourFailure(`The call succeeded; ${status} ${code} was expected.`)
  const { reason } = result as { reason: unknown }
  if (!isRefusal(reason) || reason.statusCode !== status || reason.serviceCode !== code) {
    throw new TourFailure(`${status} ${code} was expected, and came: ${reasonOf(reason)}`)
  }
  return reason.message
}

/** The connection error that a call must meet: no answer of any kind. */
export async function requireNoAnswer(call: Promise<unknown>): Promise<string> {
  const [result] = await Promise.allSettled([call])
  if (result.status === 'fulfilled') throw new TourFailure('The region answered although it is cut off.')
  const code = connectionError(result.reason)
  if (code === undefined)
    throw new TourFailure(`The region answered although it is cut off: ${reasonOf(result.reason)}`)
  return code
}
