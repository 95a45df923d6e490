import type { VaultNames } from '../../lib/http/httpPorts.ts'
import type { VaultEndpoints } from '../../lib/kms/kmsPorts.ts'
import type { Tables } from '../../lib/ports.ts'
import { VaultHosts } from '../../lib/runtime/vaultHosts.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import { isHost, ownHosts } from '../gateway/ownHosts.ts'
import type { VerifiedPorts } from '../region/verifiedPorts.ts'
import { addressAt, namedOrigin, portOrigin, type NameOrigins } from './advertised.ts'
import { regionNames } from './regionNames.ts'

/** Which hosts are a region's own, and whose they are. `port` is the listener's, never what the Host header says. */
export interface RegionHosts {
  readonly endpoints: VaultEndpoints
  isOwnHost(host: string, port: number): boolean
  isRegionHost(host: string, port: number | undefined): boolean
  vaultAt(host: string, port: number | undefined): Promise<string | undefined> | string | undefined
  /** Undefined where vaults have ports alone. */
  readonly vaultNames?: VaultNames
}

export interface RegionHostsOptions {
  readonly region: string
  readonly regions: readonly string[]
  readonly settings: Pick<CloudSettings, 'host' | 'advertised' | 'hostNames' | 'certificate'>
  readonly verified: Pick<VerifiedPorts, 'endpoints' | 'vaultAt'>
  readonly tables: Pick<Tables, 'get'>
  /** Where the region itself listens, once it does. */
  readonly ownPort: () => number | undefined
  /** How every region's names are reached, once that is known. */
  readonly origins: () => NameOrigins
}

/** Each vault at names of its own, or at a port of its own. */
export function regionHosts(options: RegionHostsOptions): RegionHosts {
  return options.settings.advertised?.by === 'names'
    ? byName(options, options.settings.advertised.host)
    : byPort(options)
}

/** What is signed for an address is signed for one of its ports: the one that is listened on, or its other side. */
function byPort({ region, regions, settings, verified, ownPort }: RegionHostsOptions): RegionHosts {
  const { advertised } = settings
  const scheme = settings.certificate === null ? 'http' : 'https'
  const isOwn = ownHosts(addressAt(settings, regions.indexOf(region)), settings.hostNames, scheme)
  const isAdvertised = advertised?.by === 'ports' ? ownHosts(advertised.host, [], advertised.scheme) : () => false
  const otherSide = (port: number) => port + (advertised?.portShift ?? 0)
  return {
    endpoints: verified.endpoints(regions, (at, port) => portOrigin(settings, regions.indexOf(at), port)),
    isOwnHost: (host, port) => isOwn(host, port) || isAdvertised(host, otherSide(port)),
    isRegionHost: (_, port) => port !== undefined && port === ownPort(),
    vaultAt: (_, port) => (port === undefined ? undefined : verified.vaultAt(port)),
  }
}

/**
 * A name says which vault and which region a request was signed for, so the port may be mapped. Vaults that were given a port
 * before answer there as well.
 */
function byName(options: RegionHostsOptions, domain: string): RegionHosts {
  const { region, regions, tables, ownPort, origins } = options
  const ports = byPort(options)
  const names = regionNames(region, domain)
  const originOf = (label: string, at: string) => {
    const origin = origins()[at]
    if (origin === undefined) throw new Error(`It is not known yet where ${at} is reached.`)
    return namedOrigin(origin, `${label}.kms`, at)
  }
  const vaults = new VaultHosts(tables, { region, regions, domain, alsoNamed: names, originOf })
  const isNamed = (host: string) => isHost(host) && (vaults.isRegionHost(host) || vaults.isVaultHost(host))
  return {
    endpoints: vaults.endpoints,
    isOwnHost: (host, port) => ports.isOwnHost(host, port) || (port === ownPort() && isNamed(host)),
    isRegionHost: (host, port) => ports.isRegionHost(host, port) && !vaults.isVaultHost(host),
    vaultAt: (host, port) => (port === ownPort() ? vaults.vaultAt(host) : ports.vaultAt(host, port)),
    vaultNames: {
      has: (host, port = ownPort()) => port === ownPort() && vaults.isVaultHost(host),
      findNone: () => vaults.findNone(),
    },
  }
}
