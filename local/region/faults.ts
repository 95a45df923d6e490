import type { Clock, QueueAddress, QueueMessage } from '../../lib/ports.ts'
import type { FaultCommands } from '../control/faultServer.ts'
import type { Peer } from './region.ts'

/** How a region may be broken: nobody reaches it, it takes what comes and never answers, or it answers 503. */
const broken = {
  cut: 'is cut off',
  hang: 'hangs',
  refuse: 'answers 503',
} as const
/** What `describe` says where nothing is broken on purpose. */
export const nothingBroken = 'all regions are up'
export type Broken = keyof typeof broken

/** Someone who must know when a region is broken or comes back: its listeners and its pumps. */
export interface RegionSwitch {
  break(how: Broken): Promise<void>
  heal(): Promise<void>
  /** Does what has fallen due: the clock was moved. */
  runDue(): Promise<void>
}

/** The network between regions as one process sees it, and what is broken in it on purpose. */
export class Faults implements FaultCommands {
  readonly #regions: () => readonly string[]
  readonly #broken = new Map<string, Broken>()
  readonly #delays = new Map<string, number>()
  readonly #switches = new Map<string, RegionSwitch>()
  /** Ends what is sent to a region that hangs. */
  #hanging: ((cause: Error) => void)[] = []
  #aheadMs = 0
  /** The regions' clock: that which was given, and by how much it was moved. */
  readonly clock: Clock

  constructor(regions: readonly string[] | (() => readonly string[]), clock: Clock = Date.now) {
    this.#regions = typeof regions === 'function' ? regions : () => regions
    this.clock = () => clock() + this.#aheadMs
  }

  attach(region: string, regionSwitch: RegionSwitch): void {
    this.#switches.set(region, regionSwitch)
  }

  isCut(region: string): boolean {
    return this.#broken.get(region) === 'cut'
  }

  async break(region: string, how: Broken): Promise<void> {
    this.#require(region)
    this.#broken.set(region, how)
    await this.#switches.get(region)?.break(how)
  }

  cut(region: string): Promise<void> {
    return this.break(region, 'cut')
  }

  slow(a: string, b: string, delayMs: number): void {
    this.#require(a)
    this.#require(b)
    if (a === b) throw new Error('The way between two regions is slowed: name two.')
    this.#delays.set(linkName(a, b), delayMs)
  }

  async heal(): Promise<void> {
    this.#broken.clear()
    this.#delays.clear()
    for (const end of this.#hanging.splice(0)) end(new Error('It did not answer until it was healed.'))
    await Promise.all([...this.#switches.values()].map((each) => each.heal()))
  }

  advance(ms: number): Promise<void> {
    return this.goTo(this.#aheadMs + ms)
  }

  /** The clock is so far ahead of the one that was given. */
  async goTo(aheadMs: number): Promise<void> {
    this.#aheadMs = aheadMs
    await Promise.all([...this.#switches.values()].map((each) => each.runDue()))
  }

  /** By how much the clock was moved, in milliseconds. */
  get aheadMs(): number {
    return this.#aheadMs
  }

  describe(): string {
    const out = [...this.#broken].map(([region, how]) => `${region} ${broken[how]}`)
    const slow = [...this.#delays].filter(([, delay]) => delay > 0).map(([link, delay]) => `${link} takes ${delay} ms`)
    const ahead = this.#aheadMs === 0 ? [] : [`the clock is ${this.#aheadMs / 1000} s ahead`]
    return [...out, ...slow, ...ahead].join('; ') || nothingBroken
  }

  /** How a region is broken, like "hangs"; undefined: it is not. */
  brokenHow(region: string): string | undefined {
    const how = this.#broken.get(region)
    return how === undefined ? undefined : broken[how]
  }

  /** Sends over the link between two regions, or to a region's own queue. @throws where a region is broken. */
  async send(from: string, to: QueueAddress, messages: readonly QueueMessage[], peer: Peer | undefined): Promise<void> {
    if (peer === undefined) throw new Error(`There is no region ${to.region}.`)
    if (from !== to.region) {
      const delay = this.#delays.get(linkName(from, to.region)) ?? 0
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay))
      await this.#pass(from, to.region)
    }
    await peer.send(to.name, messages)
  }

  async #pass(from: string, to: string): Promise<void> {
    if (this.isCut(from) || this.isCut(to)) throw new Error(`${to} is unreachable from ${from}.`)
    const how = this.#broken.get(to)
    if (how === 'refuse') throw new Error(`${to} answers 503.`)
    if (how === 'hang') await new Promise<void>((_, reject) => this.#hanging.push(reject))
  }

  #require(region: string): void {
    const regions = this.#regions()
    if (!regions.includes(region)) throw new Error(`There is no region ${region}; there are ${regions.join(', ')}.`)
  }
}

function linkName(a: string, b: string): string {
  return [a, b].sort().join(' – ')
}
