import { isRefusal, reasonOf, systemCode, TourFailure } from './reason.ts'

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

/** No answer of any kind: neither to the client's call nor to a bare request. Answers with the system's name for it. */
export async function requireNoAnswer(call: Promise<unknown>, endpoint: string): Promise<string> {
  const [called, bare] = await Promise.allSettled([call, fetch(`${endpoint}/healthz`)])
  if (called.status === 'fulfilled' || isRefusal(called.reason) || bare.status === 'fulfilled') {
    throw new TourFailure(`${endpoint} answered although its region is cut off.`)
  }
  return systemCode(bare.reason) ?? reasonOf(bare.reason)
}
