import type { LagMeter } from '../lib/replication/replicationPorts.ts'

const capacity = 1000

export interface LagFigures {
  readonly last: number | null
  readonly p50: number | null
  readonly p99: number | null
}

/** The last thousand measurements for each peer, milliseconds. */
export class LagWindow implements LagMeter {
  readonly #lags = new Map<string, number[]>()
  readonly #diverged = new Map<string, number>()

  record(peer: string, lagMs: number): void {
    const lags = this.#lags.get(peer) ?? []
    lags.push(lagMs)
    if (lags.length > capacity) lags.shift()
    this.#lags.set(peer, lags)
  }

  diverged(peer: string, count: number): void {
    this.#diverged.set(peer, this.divergedOf(peer) + count)
  }

  /** Since the start of this process. */
  divergedOf(peer: string): number {
    return this.#diverged.get(peer) ?? 0
  }

  figures(peer: string): LagFigures {
    const lags = this.#lags.get(peer) ?? []
    const sorted = lags.toSorted((a, b) => a - b)
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? null
    return { last: lags.at(-1) ?? null, p50: at(0.5), p99: at(0.99) }
  }
}
