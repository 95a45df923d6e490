import { Faults, type RegionSwitch } from '../local/faults.ts'

/** What may be broken on purpose: a region's sockets and what calls its functions. The emulator's queues are one for all. */
export class OfflineFaults implements Pick<Faults, 'cut' | 'slow' | 'heal' | 'describe'> {
  readonly #faults: Faults

  constructor(regions: readonly (RegionSwitch & { readonly region: string })[]) {
    this.#faults = new Faults(regions.map(({ region }) => region))
    for (const each of regions) this.#faults.attach(each.region, each)
  }

  cut(region: string): Promise<void> {
    return this.#faults.cut(region)
  }

  slow(): never {
    throw new Error('Links are not slowed here: all regions share one emulator. npm start has links of its own.')
  }

  heal(): Promise<void> {
    return this.#faults.heal()
  }

  describe(): string {
    return this.#faults.describe()
  }
}
