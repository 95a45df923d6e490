import type { FaultCommands } from '../faultServer.ts'
import { Faults } from '../faults.ts'
import type { RegionProcess } from './regionProcess.ts'

/** What is broken on purpose, told to every region's process, and to those that start later. */
export class ProcessFaults implements FaultCommands {
  readonly #processes: readonly RegionProcess[]
  /** Knows what is broken, and breaks nothing by itself. */
  #known: Faults
  readonly #regions: readonly string[]
  #since: ((process: RegionProcess) => Promise<void>)[] = []

  constructor(processes: readonly RegionProcess[], regions: readonly string[]) {
    this.#processes = processes
    this.#regions = regions
    this.#known = new Faults(regions)
  }

  async cut(region: string): Promise<void> {
    await this.#known.cut(region)
    await this.#everywhere(({ commands }) => commands.cut(region))
  }

  async slow(a: string, b: string, delayMs: number): Promise<void> {
    this.#known.slow(a, b, delayMs)
    await this.#everywhere(({ commands }) => commands.slow(a, b, delayMs))
  }

  async heal(): Promise<void> {
    this.#known = new Faults(this.#regions)
    this.#since = []
    await Promise.all(this.#open().map(({ commands }) => commands.heal()))
  }

  describe(): string {
    return this.#known.describe()
  }

  /** Tells a process that has just started. */
  async tell(process: RegionProcess): Promise<void> {
    for (const fault of this.#since) await fault(process)
  }

  async #everywhere(fault: (process: RegionProcess) => Promise<void>): Promise<void> {
    this.#since.push(fault)
    await Promise.all(this.#open().map(fault))
  }

  #open(): readonly RegionProcess[] {
    return this.#processes.filter(({ isOpen }) => isOpen)
  }
}
