import { LruCache } from '../lruCache.ts'
import type { VaultEndpoints } from '../kms/kmsPorts.ts'
import { vaultPrefixOf } from '../ocid.ts'
import type { Tables } from '../ports.ts'
import { prefixKey } from '../kms/vaults/vaults.ts'

export interface VaultHostsOptions {
  readonly region: string
  readonly regions: readonly string[]
  readonly domain: string
  /** Undefined: HTTPS at its own port. Emulators have no TLS: plain HTTP, region i at this port + i. */
  readonly endpointPortBase: number | undefined
}

/** Where vaults answer under a wildcard domain: `{vaultPrefix}-{management|crypto}.kms.{region}.{domain}`. */
export class VaultHosts {
  readonly endpoints: VaultEndpoints
  readonly #tables: Pick<Tables, 'get'>
  readonly #suffix: string
  /** A prefix belongs to one vault for ever. */
  readonly #known = new LruCache<string>(1_000)

  constructor(tables: Pick<Tables, 'get'>, options: VaultHostsOptions) {
    const { region, regions, domain } = options
    this.#tables = tables
    this.#suffix = `.kms.${region}.${domain}`
    this.endpoints = {
      of: async ({ vaultPrefix }, at) => ({
        management: originOf(`${vaultPrefix}-management`, at, options),
        crypto: originOf(`${vaultPrefix}-crypto`, at, options),
      }),
      regions,
    }
  }

  isRegionHost(host: string): boolean {
    return nameOf(host) === this.#suffix.slice(1)
  }

  /** By the Host header, because that is what the client signed; with or without a port. */
  async vaultAt(host: string): Promise<string | undefined> {
    const name = nameOf(host)
    if (!name.endsWith(this.#suffix)) return undefined
    const [, vaultPrefix] = /^([a-z0-9]+)-(?:management|crypto)$/.exec(name.slice(0, -this.#suffix.length)) ?? []
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
}

function nameOf(host: string): string {
  const colon = host.lastIndexOf(':')
  const hasPort = colon >= 0 && /^\d{1,5}$/.test(host.slice(colon + 1))
  return (hasPort ? host.slice(0, colon) : host).toLowerCase()
}

function originOf(name: string, at: string, { regions, domain, endpointPortBase }: VaultHostsOptions): string {
  const host = `${name}.kms.${at}.${domain}`
  return endpointPortBase === undefined ? `https://${host}` : `http://${host}:${endpointPortBase + regions.indexOf(at)}`
}
