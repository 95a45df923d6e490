import { isIP } from 'node:net'

/** What answers carry in place of the address and the ports that are listened on. */
export interface Advertised {
  readonly scheme: 'http' | 'https'
  /** names: vaults are told apart by names below the host; ports: by their ports at the host. */
  readonly by: 'names' | 'ports'
  readonly host: string
  /** What is added to a port that is listened on; null: the scheme's own port. */
  readonly portShift: number | null
}

/** How a region's names are reached. */
export interface NameOrigin {
  readonly scheme: 'http' | 'https'
  readonly domain: string
  /** null: the scheme's own. */
  readonly port: number | null
}

/** By region. */
export type NameOrigins = Readonly<Record<string, NameOrigin>>

/** What decides where a region is reached. */
export interface Reached {
  /** One address for all regions, or one each, separated by commas. */
  readonly host: string
  readonly advertised: Advertised | null
}

const loopback = '127.0.0.1'

/** The address that the region of this place among all regions listens on. */
export function addressAt({ host }: Pick<Reached, 'host'>, index: number): string {
  const addresses = host.split(',')
  return addresses[index] ?? addresses[0] ?? loopback
}

/** Regions with an address each have one port, others have one after the other. */
export function regionPort({ host }: Pick<Reached, 'host'>, base: number, index: number): number {
  return host.includes(',') ? base : base + index
}

/** Scheme, host and port of a region or a vault that is told by its port. */
export function portOrigin({ host, advertised }: Reached, index: number, port: number): string {
  if (advertised?.by === 'ports') {
    return originOf(advertised.scheme, advertised.host, port + (advertised.portShift ?? 0))
  }
  const address = addressAt({ host }, index)
  return originOf('http', address === '0.0.0.0' || address === '::' ? loopback : address, port)
}

/** How the names of regions are reached that listen at these ports; none where vaults are told apart by ports. */
export function nameOrigins(reached: Reached, regions: readonly string[], listening: readonly number[]): NameOrigins {
  return Object.fromEntries(
    regions.flatMap((region, index) => {
      const origin = nameOrigin(reached, listening[index] ?? 0)
      return origin === undefined ? [] : [[region, origin] as const]
    }),
  )
}

/** Undefined where vaults are told apart by ports. */
export function nameOrigin({ advertised }: Reached, port: number): NameOrigin | undefined {
  if (advertised?.by !== 'names') return undefined
  const { scheme, host, portShift } = advertised
  return { scheme, domain: host, port: portShift === null ? null : port + portShift }
}

/** The endpoint of `{label}.{region}.{domain}`. */
export function namedOrigin({ scheme, domain, port }: NameOrigin, label: string, region: string): string {
  return originOf(scheme, `${label}.${region}.${domain}`, port)
}

/** Where a region itself is reached, given the port that it listens on. */
export function regionOrigin(reached: Reached, region: string, index: number, port: number): string {
  const origin = nameOrigin(reached, port)
  return origin === undefined ? portOrigin(reached, index, port) : namedOrigin(origin, 'kms', region)
}

/** A bare origin; without the port where that is the scheme's own (contract §1.4). */
function originOf(scheme: 'http' | 'https', host: string, port: number | null): string {
  return new URL(`${scheme}://${isIP(host) === 6 ? `[${host}]` : host}${port === null ? '' : `:${port}`}`).origin
}
