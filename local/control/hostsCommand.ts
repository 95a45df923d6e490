import type { Prepared } from '../cloud/prepareStart.ts'
import type { RegionHost } from '../region/regionHost.ts'
import { addressAt } from '../names/advertised.ts'
import { regionNames, vaultNames } from '../names/regionNames.ts'

/** The names below a domain that lead to a region. */
export interface HostsOfRegion {
  readonly region: string
  /** What the region listens on; the loopback address where that is every address. */
  readonly address: string
  /** The region's own names first, then a line for each vault or replica there. */
  readonly lines: readonly (readonly string[])[]
}

/** The answer to `hosts`. */
export interface Hosts {
  readonly domain: string
  readonly regions: readonly HostsOfRegion[]
}

/** Answers with Hosts as JSON. @throws with a line for a person where vaults are told apart by their ports. */
export async function hostsCommand(
  { reached, regions, tenancyId }: Pick<Prepared, 'reached' | 'regions' | 'tenancyId'>,
  hosts: readonly Pick<RegionHost, 'name' | 'heldVaults'>[],
): Promise<string> {
  const { advertised } = reached
  if (advertised?.by !== 'names') {
    throw new Error('This service tells its vaults apart by their ports; start it with --domain or --tls for names.')
  }
  const domain = advertised.host
  const found = hosts.map(async ({ name, heldVaults }): Promise<HostsOfRegion> => {
    const address = addressAt(reached, regions.indexOf(name))
    const { vaults } = await heldVaults(tenancyId)
    return {
      region: name,
      address: address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address,
      lines: [regionNames(name, domain), ...vaults.map(({ prefix }) => vaultNames(prefix, name, domain))],
    }
  })
  return JSON.stringify({ domain, regions: await Promise.all(found) } satisfies Hosts)
}
