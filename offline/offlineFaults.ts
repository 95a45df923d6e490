import { Faults, type Broken } from '../local/region/faults.ts'
import type { FaultCommands } from '../local/control/faultServer.ts'

/** What of a region can be broken here: its sockets and what calls its functions. */
export interface OfflineSwitch {
  cut(): Promise<void>
  heal(): Promise<void>
}

/** What may be broken on purpose. The emulator's queues are one for all. */
export class OfflineFaults implements FaultCommands {
  readonly #faults: Faults

  constructor(regions: readonly (OfflineSwitch & { readonly region: string })[]) {
    this.#faults = new Faults(regions.map(({ region }) => region))
    for (const each of regions) {
      this.#faults.attach(each.region, {
        break: () => each.cut(),
        heal: () => each.heal(),
        runDue: async () => undefined,
      })
    }
  }

  async break(region: string, how: Broken): Promise<void> {
    if (how !== 'cut') throw new Error('Here regions can only be cut off; npm start has the other faults.')
    await this.#faults.cut(region)
  }

  slow(): never {
    throw new Error('Links are not slowed here: all regions share one emulator. npm start has links of its own.')
  }

  advance(): never {
    throw new Error('The clock is not moved here: the emulator has its own. npm start has one that is.')
  }

  heal(): Promise<void> {
    return this.#faults.heal()
  }

  describe(): string {
    return this.#faults.describe()
  }
}
