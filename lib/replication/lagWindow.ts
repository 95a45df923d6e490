import { LruCache } from '../lruCache.ts'
import type { LagMeter, VaultLink } from './replicationPorts.ts'

/** Milliseconds; null: nothing was measured. */
export interface LagFigures {
  readonly last: number | null
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
}

const noFigures: LagFigures = { last: null, p50: null, p99: null, max: null }
const capacity = 1000
const capacityOfVault = 200
const maxVaults = 1000

/** The last measurements for each peer, and for each vault and peer, that this process made. */
export class LagWindow implements LagMeter {
  readonly #peers = new Map<string, number[]>()
  readonly #links = new LruCache<number[]>(maxVaults)
  readonly #diverged = new Map<string, number>()
  readonly #onRecord: LagMeter['record']

  /** `onRecord` is told each measurement too. */
  constructor(onRecord: LagMeter['record'] = () => undefined) {
    this.#onRecord = onRecord
  }

  record(link: VaultLink, lagMs: number): void {
    const ofPeer = this.#peers.get(link.peer) ?? []
    this.#peers.set(link.peer, ofPeer)
    add(ofPeer, lagMs, capacity)
    const ofLink = this.#links.get(nameOf(link)) ?? []
    this.#links.set(nameOf(link), ofLink)
    add(ofLink, lagMs, capacityOfVault)
    this.#onRecord(link, lagMs)
  }

  diverged({ peer }: VaultLink, count: number): void {
    this.#diverged.set(peer, this.divergedOf(peer) + count)
  }

  waiting(): void {
    // Who asks is told from the rows.
  }

  /** Since the start of this process. */
  divergedOf(peer: string): number {
    return this.#diverged.get(peer) ?? 0
  }

  figuresOf(peer: string): LagFigures {
    return figuresOf(this.#peers.get(peer)) ?? noFigures
  }

  figures(link: VaultLink): LagFigures | undefined {
    return figuresOf(this.#links.get(nameOf(link)))
  }
}

function nameOf({ vaultId, peer }: VaultLink): string {
  return `${vaultId} ${peer}`
}

function add(lags: number[], lagMs: number, most: number): void {
  lags.push(lagMs)
  if (lags.length > most) lags.shift()
}

function figuresOf(lags: readonly number[] | undefined): LagFigures | undefined {
  if (lags === undefined) return undefined
  const sorted = lags.toSorted((a, b) => a - b)
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? null
  return { last: lags.at(-1) ?? null, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? null }
}
