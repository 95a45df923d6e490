import { diskIsFull } from '../../lib/diskRefusal.ts'
import type { VaultEndpoints } from '../../lib/kms/kmsPorts.ts'
import type { PortRow } from '../hostDirectory.ts'
import { originOf, portIn, type VaultPorts } from '../portDirectory.ts'
import type { CloudServices } from './protocol.ts'

/** The ports of vaults as a region's process knows them; the cloud's process gives them out. */
export class KnownPorts implements VaultPorts {
  readonly #address: string
  readonly #cloud: CloudServices
  readonly #portOf = new Map<string, number>()
  readonly #vaultAt = new Map<number, string>()

  constructor(address: string, rows: readonly PortRow[], cloud: CloudServices) {
    this.#address = address
    this.#cloud = cloud
    for (const { vaultId, region, port } of rows) this.#portOf.set(`${region} ${vaultId}`, port)
  }

  /** From now on what comes to this port is for the vault. */
  lead(port: number, vaultId: string): void {
    this.#vaultAt.set(port, vaultId)
  }

  endpoints(regions: readonly string[]): VaultEndpoints {
    return {
      regions,
      of: async ({ id }, region) => {
        const name = `${region} ${id}`
        const port = this.#portOf.get(name) ?? (await this.#cloud.portOf(id, region))
        if (port === 'full') throw diskIsFull()
        this.#portOf.set(name, port)
        const origin = originOf(this.#address, port)
        return { management: origin, crypto: origin }
      },
    }
  }

  vaultAt(host: string): string | undefined {
    return this.#vaultAt.get(portIn(host))
  }
}
