import { Counter, Histogram, Registry, type OpenMetricsContentType } from 'prom-client'
import type { SeenRequest } from '../../lib/http/requestWatch.ts'

/** What one thread has counted, as it crosses to another. */
export type CountedRequests = readonly object[]

/** From a tenth of a millisecond, which a signature's verification takes, to what a caller gives up on. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * A sum of exact times would give whoever reads it before and after a call of theirs how long that took, and by that what
 * refused it: times are rounded up to so many seconds.
 */
const grain = 0.00025

/** Requests by operation and status, and how long they took. INVARIANT: no name, no OCID, no reason: /metrics is not signed. */
export class RequestMetrics {
  readonly #registry = new Registry<OpenMetricsContentType>()
  readonly #requests = new Counter({
    // OpenMetrics adds _total.
    name: 'vaultspan_requests',
    help: 'Requests that were answered.',
    labelNames: ['operation', 'status'],
    registers: [this.#registry],
  })
  readonly #seconds = new Histogram({
    name: 'vaultspan_request_duration_seconds',
    help: 'Time from a request being read to its answer being known.',
    labelNames: ['operation'],
    buckets,
    registers: [this.#registry],
  })
  /** Finding a series by its labels costs more than counting. */
  readonly #counters = new Map<string, { inc(): void }>()
  readonly #timers = new Map<string, { observe(seconds: number): void }>()

  answered({ operation: called, status, ms }: SeenRequest): void {
    const operation = called ?? 'none'
    const name = `${operation} ${status}`
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = this.#requests.labels(operation, String(status))
      this.#counters.set(name, counter)
    }
    counter.inc()
    let timer = this.#timers.get(operation)
    if (timer === undefined) {
      timer = this.#seconds.labels(operation)
      this.#timers.set(operation, timer)
    }
    timer.observe(Math.ceil(ms / 1000 / grain) * grain)
  }

  /** For whoever adds up what several threads have counted. */
  counted(): Promise<CountedRequests> {
    return this.#registry.getMetricsAsJSON()
  }
}
