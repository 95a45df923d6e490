import { AggregatorRegistry } from 'prom-client'
import type { CountedRequests } from './requestMetrics.ts'

/**
 * What threads have counted, those that are gone too: a counter never falls. Of one that dies or does not answer the last that
 * it has told counts: nobody has been shown more of it.
 */
export class KeptCounts<Thread> {
  readonly #last = new Map<Thread, CountedRequests>()
  /** A metric may be there several times; they are added up where they are shown. */
  #gone: CountedRequests = []

  told(thread: Thread, counted: CountedRequests): void {
    this.#last.set(thread, counted)
  }

  /** It tells nothing more. */
  async ended(thread: Thread): Promise<void> {
    const last = this.#last.get(thread)
    if (last === undefined) return
    this.#last.delete(thread)
    const all = [...this.#gone, ...last]
    this.#gone = all
    const added = await AggregatorRegistry.aggregate([all]).getMetricsAsJSON()
    // Of two that end at once the later adds up.
    if (this.#gone === all) this.#gone = added
  }

  all(): readonly CountedRequests[] {
    return [...this.#last.values(), this.#gone]
  }
}
