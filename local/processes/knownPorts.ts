import { diskIsFull } from '../../lib/diskRefusal.ts'
import type { PortRow } from '../directory/hostDirectory.ts'
import { listenKnown } from '../gateway/listenKnown.ts'
import type { VaultPorts } from '../directory/portDirectory.ts'
import type { CloudServices } from './protocol.ts'

/** The ports of vaults as a region's process knows them; the cloud's process gives them out. */
export class KnownPorts implements VaultPorts {
  readonly #cloud: Pick<CloudServices, 'portOf'>
  readonly #portOf = new Map<string, number>()
  readonly #vaultAt = new Map<number, string>()

  constructor(rows: readonly PortRow[], cloud: Pick<CloudServices, 'portOf'>) {
    this.#cloud = cloud
    for (const { vaultId, region, port } of rows) this.#portOf.set(`${region} ${vaultId}`, port)
  }

  /** What comes to the port is for the vault. Resolves with the port, as `listen` does. */
  listen(port: number, vaultId: string, listen: (port: number) => Promise<number>): Promise<number> {
    return listenKnown(port, (actual) => this.#vaultAt.set(actual, vaultId), listen)
  }

  async portOf(vaultId: string, region: string): Promise<number> {
    const name = `${region} ${vaultId}`
    const port = this.#portOf.get(name) ?? (await this.#cloud.portOf(vaultId, region))
    if (port === 'full') throw diskIsFull()
    this.#portOf.set(name, port)
    return port
  }

  vaultAt(port: number): string | undefined {
    return this.#vaultAt.get(port)
  }
}
