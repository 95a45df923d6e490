import type { SeenRequest } from '../../lib/http/requestWatch.ts'

/** What one thread has counted, as it crosses to another: in the form of prom-client's `getMetricsAsJSON`. */
export type CountedRequests = readonly object[]

/** Upper bounds in seconds, from a tenth of a millisecond, which a signature's verification takes, to what a caller gives up on. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * A sum of exact times would give whoever reads it before and after a call of theirs how long that took, and by that what
 * refused it: times are rounded up to so many seconds.
 */
const grain = 0.00025

/** Of one operation. */
interface Counts {
  readonly byStatus: Map<number, number>
  /** How many took no longer than a bucket's bound, and longer than the bound before; those above all bounds come last. */
  readonly byBucket: number[]
  /** In grains. */
  time: number
}

/**
 * Requests by operation and status, and how long they took. Counted in plain numbers, because every request is counted, and put into
 * the library's form when somebody asks. INVARIANT: no name, no OCID, no reason: /metrics is not signed.
 */
export class RequestMetrics {
  readonly #of = new Map<string, Counts>()

  answered({ operation: called, status, ms }: SeenRequest): void {
    const operation = called ?? 'none'
    let counts = this.#of.get(operation)
    if (counts === undefined) {
      counts = { byStatus: new Map(), byBucket: new Array<number>(buckets.length + 1).fill(0), time: 0 }
      this.#of.set(operation, counts)
    }
    counts.byStatus.set(status, (counts.byStatus.get(status) ?? 0) + 1)
    const grains = Math.ceil(ms / 1000 / grain)
    counts.time += grains
    let bucket = 0
    while (grains * grain > (buckets[bucket] ?? Infinity)) bucket += 1
    counts.byBucket[bucket] = (counts.byBucket[bucket] ?? 0) + 1
  }

  /** For whoever adds up what several threads have counted. */
  counted(): CountedRequests {
    const of = [...this.#of]
    return [
      {
        // OpenMetrics adds _total.
        name: 'vaultspan_requests',
        help: 'Requests that were answered.',
        type: 'counter',
        aggregator: 'sum',
        values: of.flatMap(([operation, { byStatus }]) =>
          [...byStatus].map(([status, value]) => ({ value, labels: { operation, status: String(status) } })),
        ),
      },
      {
        name: duration,
        help: 'Time from a request being read to its answer being known.',
        type: 'histogram',
        aggregator: 'sum',
        values: of.flatMap(([operation, counts]) => histogram(operation, counts)),
      },
    ]
  }
}

const duration = 'vaultspan_request_duration_seconds'

function histogram(operation: string, { byBucket, time }: Counts): readonly object[] {
  let count = 0
  const values: object[] = byBucket.map((here, index) => {
    count += here
    const labels = { le: buckets[index] ?? '+Inf', operation }
    return { value: count, metricName: `${duration}_bucket`, exemplar: null, labels }
  })
  return [
    ...values,
    { value: time * grain, metricName: `${duration}_sum`, labels: { operation } },
    { value: count, metricName: `${duration}_count`, labels: { operation } },
  ]
}
