import type { Hsm } from '../../hsm/hsm.ts'

const underWay = new WeakMap<Hsm, Set<Promise<unknown>>>()

/**
 * Does what has the HSM wrap a vault's keys and then stores them. Between the two nobody but this call knows of them: whoever
 * rotates the root waits for it, lest they be stored under a root that is gone.
 */
export async function storingKeys<T>(hsm: Hsm, work: () => Promise<T>): Promise<T> {
  const all = underWay.get(hsm) ?? new Set<Promise<unknown>>()
  underWay.set(hsm, all)
  const one = work()
  all.add(one)
  try {
    return await one
  } finally {
    all.delete(one)
  }
}

/** Resolves when all that is under way now has ended. */
export async function keysStored(hsm: Hsm): Promise<void> {
  await Promise.allSettled([...(underWay.get(hsm) ?? [])])
}
