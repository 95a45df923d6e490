import type { QueueAddress, QueueMessage } from '../lib/ports.ts'
import type { FaultCommands } from './faultServer.ts'
import type { Peer } from './startRegion.ts'

/** Someone who must know when a region is cut off or comes back: its listeners and its pumps. */
export interface RegionSwitch {
  cut(): Promise<void>
  heal(): Promise<void>
}

/** The network between regions as one process sees it, and what is broken in it on purpose. */
export class Faults implements FaultCommands {
  readonly #regions: readonly string[]
  readonly #cut = new Set<string>()
  readonly #delays = new Map<string, number>()
  readonly #switches = new Map<string, RegionSwitch>()

  constructor(regions: readonly string[]) {
    this.#regions = regions
  }

  attach(region: string, regionSwitch: RegionSwitch): void {
    this.#switches.set(region, regionSwitch)
  }

  isCut(region: string): boolean {
    return this.#cut.has(region)
  }

  async cut(region: string): Promise<void> {
    this.#require(region)
    this.#cut.add(region)
    await this.#switches.get(region)?.cut()
  }

  slow(a: string, b: string, delayMs: number): void {
    this.#require(a)
    this.#require(b)
    this.#delays.set(linkName(a, b), delayMs)
  }

  async heal(): Promise<void> {
    this.#cut.clear()
    this.#delays.clear()
    await Promise.all([...this.#switches.values()].map((each) => each.heal()))
  }

  describe(): string {
    const cut = [...this.#cut].map((region) => `${region} is cut off`)
    const slow = [...this.#delays].filter(([, delay]) => delay > 0).map(([link, delay]) => `${link} takes ${delay} ms`)
    return [...cut, ...slow].join('; ') || 'all regions are up'
  }

  /** Sends over the link between two regions, or to a region's own queue. @throws where a region is cut off. */
  async send(from: string, to: QueueAddress, messages: readonly QueueMessage[], peer: Peer | undefined): Promise<void> {
    if (peer === undefined) throw new Error(`There is no region ${to.region}.`)
    if (from !== to.region) {
      const delay = this.#delays.get(linkName(from, to.region)) ?? 0
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay))
      if (this.isCut(from) || this.isCut(to.region)) throw new Error(`${to.region} is unreachable from ${from}.`)
    }
    await peer.send(to.name, messages)
  }

  #require(region: string): void {
    if (!this.#regions.includes(region))
      throw new Error(`There is no region ${region}; there are ${this.#regions.join(', ')}.`)
  }
}

function linkName(a: string, b: string): string {
  return [a, b].sort().join(' – ')
}
