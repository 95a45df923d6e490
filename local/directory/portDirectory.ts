import type { HostDirectory } from './hostDirectory.ts'
import { UserError } from '../../lib/userError.ts'
import { vaultPortReason } from '../gateway/requireFreePorts.ts'

/** How a region listens on a port for one of its vaults; port 0 takes any free one. Resolves with the port. */
export type Listen = (port: number, vaultId: string) => Promise<number>

/** Where vaults listen, as a region sees it. */
export interface VaultPorts {
  /** It gets a port there first if it has none. */
  portOf(vaultId: string, region: string): Promise<number>
  /** Whose a port is that is listened on. */
  vaultAt(port: number): string | undefined
}

const firstVaultOffset = 100
const triesForFreePort = 1000

/** Which port leads to which vault. A vault keeps its ports for ever: they are part of what its users configure. */
export class PortDirectory implements VaultPorts {
  readonly #directory: HostDirectory
  readonly #base: number
  readonly #listeners = new Map<string, Listen>()
  readonly #portOf = new Map<string, number>()
  readonly #vaultAt = new Map<number, string>()
  readonly #pending = new Map<string, Promise<number>>()
  /** Listened on, and not kept for want of room on the disk: the next call keeps these. */
  readonly #notKept = new Map<string, number>()
  #next: number

  /** `base` 0: any free ports, for tests. */
  constructor(directory: HostDirectory, base: number) {
    this.#directory = directory
    this.#base = base
    this.#next = base + firstVaultOffset
    for (const { vaultId, region, port } of directory.ports()) this.#know(vaultId, region, port)
  }

  attach(region: string, listen: Listen): void {
    this.#listeners.set(region, listen)
  }

  vaultAt(port: number): string | undefined {
    return this.#vaultAt.get(port)
  }

  /** Listens again on every port that a region's vaults have. @throws UserError where one is taken. */
  async listenAll(region: string): Promise<void> {
    const listen = this.#listeners.get(region)
    for (const row of this.#directory.ports()) {
      if (row.region !== region || listen === undefined) continue
      try {
        await listen(row.port, row.vaultId)
      } catch (cause) {
        throw new UserError(vaultPortReason(row.port, region), { cause })
      }
    }
  }

  /** Where a vault listens in a region: it gets a port there first if it has none. */
  async portOf(vaultId: string, region: string): Promise<number> {
    const name = `${region} ${vaultId}`
    const known = this.#portOf.get(name)
    if (known !== undefined) return known
    const pending = this.#pending.get(name) ?? this.#keptPort(name, vaultId, region)
    this.#pending.set(name, pending)
    return pending.finally(() => this.#pending.delete(name))
  }

  async #keptPort(name: string, vaultId: string, region: string): Promise<number> {
    const port = this.#notKept.get(name) ?? (await this.#allocate(vaultId, region))
    this.#notKept.set(name, port)
    this.#directory.keepPort({ vaultId, region, port })
    this.#notKept.delete(name)
    this.#know(vaultId, region, port)
    return port
  }

  async #allocate(vaultId: string, region: string): Promise<number> {
    const listen = this.#listeners.get(region)
    if (listen === undefined) throw new Error(`There is no region ${region}.`)
    for (let attempt = 0; attempt < triesForFreePort; attempt += 1) {
      const wanted = this.#base === 0 ? 0 : this.#next++
      if (this.#vaultAt.has(wanted)) continue
      try {
        return await listen(wanted, vaultId)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
      }
    }
    throw new Error('No free port was found for a vault.')
  }

  #know(vaultId: string, region: string, port: number): void {
    this.#portOf.set(`${region} ${vaultId}`, port)
    this.#vaultAt.set(port, vaultId)
  }
}
