import type { FaultCommands } from '../control/faultServer.ts'
import { Faults, type Broken } from '../region/faults.ts'
import type { RegionProcess } from './regionProcess.ts'

type Fault = (process: RegionProcess) => Promise<void>

/** What is broken on purpose, told to every region's process, and to those that start later. */
export class ProcessFaults implements FaultCommands {
  readonly #processes: readonly RegionProcess[]
  /** Knows what is broken, and breaks nothing by itself. */
  readonly #known: Faults
  #since: Fault[] = []

  constructor(processes: readonly RegionProcess[], regions: () => readonly string[]) {
    this.#processes = processes
    this.#known = new Faults(regions)
  }

  async break(region: string, how: Broken): Promise<void> {
    await this.#known.break(region, how)
    await this.#keep(({ commands }) => commands.break(region, how))
  }

  async slow(a: string, b: string, delayMs: number): Promise<void> {
    this.#known.slow(a, b, delayMs)
    await this.#keep(({ commands }) => commands.slow(a, b, delayMs))
  }

  async heal(): Promise<void> {
    await this.#known.heal()
    this.#since = []
    await this.#everywhere(({ commands }) => commands.heal())
  }

  async advance(ms: number): Promise<void> {
    await this.#known.advance(ms)
    await this.#everywhere(({ commands }) => commands.goTo(this.#known.aheadMs))
  }

  describe(): string {
    return this.#known.describe()
  }

  brokenHow(region: string): string | undefined {
    return this.#known.brokenHow(region)
  }

  /** Tells a process that has just started. */
  async tell(process: RegionProcess): Promise<void> {
    if (this.#known.aheadMs > 0) await process.commands.goTo(this.#known.aheadMs)
    for (const fault of this.#since) await fault(process)
  }

  /** Until it is healed, for those that start later too. */
  async #keep(fault: Fault): Promise<void> {
    this.#since.push(fault)
    await this.#everywhere(fault)
  }

  /** One that ends meanwhile hears of it when it is started again. */
  async #everywhere(fault: Fault): Promise<void> {
    const told = this.#processes.filter(({ isOpen }) => isOpen)
    await Promise.all(
      told.map((process) =>
        fault(process).catch((cause: unknown) => {
          if (process.isOpen) throw cause
        }),
      ),
    )
  }
}
