/**
 * Works all items at once, so that their writes share commits, but those of one lane one after another and in their order.
 * Resolves when none is under way any more. @throws what the first one that failed threw; what stands behind it in its lane
 * was not begun.
 */
export async function inLanes<T, R>(
  items: readonly T[],
  laneOf: (item: T) => string | number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const lanes = new Map<string | number, Promise<unknown>>()
  const worked = items.map((item) => {
    const lane = laneOf(item)
    const done = (lanes.get(lane) ?? Promise.resolve()).then(() => work(item))
    lanes.set(lane, done)
    return done
  })
  const results: R[] = []
  for (const outcome of await Promise.allSettled(worked)) {
    if (outcome.status === 'rejected') throw outcome.reason
    results.push(outcome.value)
  }
  return results
}
