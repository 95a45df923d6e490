import { LruCache } from '../lruCache.ts'
import type { VaultEndpoints } from '../kms/kmsPorts.ts'
import { vaultPrefixOf } from '../ocid.ts'
import type { Tables } from '../ports.ts'
import { prefixKey } from '../kms/vaults/vaults.ts'

export interface VaultHostsOptions {
  readonly region: string
  readonly regions: readonly string[]
  readonly domain: string
  /** Beside `kms.{region}.{domain}`: names under which the region itself answers. */
  readonly alsoNamed?: readonly string[]
  /** Scheme, name and, where not the scheme's own, port of `{label}.kms.{region}.{domain}`. */
  readonly originOf: (label: string, region: string) => string
}

/** Where vaults answer under a wildcard domain: `{vaultPrefix}-{management|crypto}.kms.{region}.{domain}`. */
export class VaultHosts {
  readonly endpoints: VaultEndpoints
  readonly #tables: Pick<Tables, 'get'>
  readonly #suffix: string
  readonly #regionNames: ReadonlySet<string>
  /** A prefix belongs to one vault for ever. */
  readonly #known = new LruCache<string>(1_000)

  constructor(tables: Pick<Tables, 'get'>, options: VaultHostsOptions) {
    const { region, regions, domain, alsoNamed = [], originOf } = options
    this.#tables = tables
    this.#suffix = `.kms.${region}.${domain}`
    this.#regionNames = new Set([this.#suffix.slice(1), ...alsoNamed])
    this.endpoints = {
      of: async ({ vaultPrefix }, at) => ({
        management: originOf(`${vaultPrefix}-management`, at),
        crypto: originOf(`${vaultPrefix}-crypto`, at),
      }),
      regions,
    }
  }

  isRegionHost(host: string): boolean {
    return this.#regionNames.has(nameOf(host))
  }

  /** Whether a host has the form of a vault's, be there one or not. */
  isVaultHost(host: string): boolean {
    return this.#prefixIn(host) !== undefined
  }

  /** See HttpPorts.vaultNames. */
  findNone(): Promise<undefined> {
    // No prefix is that short.
    return this.vaultAt(`none-crypto${this.#suffix}`) as Promise<undefined>
  }

  /** By the Host header, because that is what the client signed; with or without a port. */
  async vaultAt(host: string): Promise<string | undefined> {
    const vaultPrefix = this.#prefixIn(host)
    if (vaultPrefix === undefined) return undefined
    const known = this.#known.get(vaultPrefix)
    if (known !== undefined) return known
    const { pk, sk } = prefixKey(vaultPrefix)
    const vaultId = (await this.#tables.get('Vaults', pk, sk))?.['vaultId']
    // The row only says which of the vaults with this prefix it is: a vault's OCID carries its prefix.
    if (typeof vaultId !== 'string' || vaultPrefixOf(vaultId) !== vaultPrefix) return undefined
    this.#known.set(vaultPrefix, vaultId)
    return vaultId
  }

  #prefixIn(host: string): string | undefined {
    const name = nameOf(host)
    if (!name.endsWith(this.#suffix)) return undefined
    return /^([a-z0-9]+)-(?:management|crypto)$/.exec(name.slice(0, -this.#suffix.length))?.[1]
  }
}

function nameOf(host: string): string {
  const colon = host.lastIndexOf(':')
  const hasPort = colon >= 0 && /^\d{1,5}$/.test(host.slice(colon + 1))
  return (hasPort ? host.slice(0, colon) : host).toLowerCase()
}
