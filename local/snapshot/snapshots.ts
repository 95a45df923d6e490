import type { HostDirectory } from '../directory/hostDirectory.ts'
import { copyDatabases, type CopiedRegion } from './copyDatabases.ts'

/** The running service's part in a snapshot, one at a time. */
export class Snapshots {
  readonly #directory: HostDirectory
  readonly #regions: readonly CopiedRegion[]
  #isBusy = false

  constructor(directory: HostDirectory, regions: readonly CopiedRegion[]) {
    this.#directory = directory
    this.#regions = regions
  }

  /** Copies the databases into a folder; resolves with what is to be known of them, as JSON. @throws UserError */
  async take(to: string): Promise<string> {
    if (this.#isBusy) throw new Error('Another snapshot is being taken; wait for it.')
    this.#isBusy = true
    try {
      return JSON.stringify(await copyDatabases(this.#directory, this.#regions, to))
    } finally {
      this.#isBusy = false
    }
  }
}
