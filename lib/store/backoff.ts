/** How often and how long to wait; a simulation or a test decides the last two. */
export interface Backoff {
  readonly maxAttempts: number
  readonly firstMs: number
  readonly maxMs: number
  readonly random: () => number
  readonly sleep: (ms: number) => Promise<void>
}

export const defaultBackoff: Backoff = {
  maxAttempts: 8,
  firstMs: 20,
  maxMs: 500,
  random: Math.random,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}

/** Waits before attempt `n` (the second is 1): a random part of a time that doubles, so that rivals spread out. */
export async function backOff({ firstMs, maxMs, random, sleep }: Backoff, n: number): Promise<void> {
  await sleep(random() * Math.min(maxMs, firstMs * 2 ** (n - 1)))
}
