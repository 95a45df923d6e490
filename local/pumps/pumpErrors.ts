import type { Logger } from '../../lib/ports.ts'
import { LruCache } from '../../lib/lruCache.ts'

const againMs = 60_000

/** What goes on failing, as while a token is away, is told at once and then once a minute, whichever pump it stops. */
export function pumpErrors({ log, clock }: { readonly log: Pick<Logger, 'error'>; readonly clock: () => number }) {
  const told = new LruCache<number>(100)
  return (cause: unknown): void => {
    const [name, now] = [String(cause), clock()]
    const last = told.get(name)
    if (last !== undefined && Math.abs(now - last) < againMs) return
    told.set(name, now)
    log.error('A pump failed.', cause)
  }
}
