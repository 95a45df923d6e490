import type { Logger } from '../../lib/ports.ts'
import { introduce, lackingIdentity } from '../../lib/runtime/tenancyInRegions.ts'
import { writeEndpoints, writeTrustRoot, type EndpointsFile } from '../directory/endpointsFile.ts'
import { nameOrigins, regionOrigin, regionPort } from '../names/advertised.ts'
import { writeCliDefaults, writeOciConfig } from '../directory/ociProfile.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import type { Signer } from '../init/signedEvent.ts'
import type { PortDirectory } from '../directory/portDirectory.ts'
import type { Prepared, StartOptions } from './prepareStart.ts'
import { requireNotPutBack } from './putBack.ts'
import type { RegionHost } from '../region/regionHost.ts'

export type Endpoints = EndpointsFile['regions']

/** Where a cloud is reached, and the ports at which its regions listen. */
export interface Up {
  readonly endpoints: Endpoints
  readonly listening: readonly number[]
}

/** A cloud that serves, for what belongs to its start. */
export interface Begun {
  readonly directory: HostDirectory
  readonly hosts: readonly RegionHost[]
  readonly home: RegionHost
  readonly endpoints: Endpoints
  readonly administrator: Signer
  readonly log: Logger
}

/** Makes one cloud of opened regions: they trust each other, know the administrator, and listen. */
export async function bringUp(
  prepared: Prepared,
  hosts: readonly RegionHost[],
  ports: PortDirectory,
  log: Logger,
  begin?: StartOptions['begin'],
): Promise<Up> {
  const { directory, homeRegion, tenancyId, userId, key } = prepared
  // A wrong answer here means that nothing this cloud would encrypt can be trusted.
  await Promise.all(hosts.map((host) => host.selfTest()))
  const home = hosts.find(({ name }) => name === homeRegion)
  if (home === undefined) throw new Error(`The home region ${homeRegion} is not open.`)
  const path = directory.path ?? ''
  await home.requireOwnRoot(tenancyId, path)
  const root = await home.tenancyRoot(tenancyId)
  await Promise.all(hosts.map((host) => introduce(home, host, tenancyId)))
  await requireNotPutBack(prepared, hosts, log)
  await provisionHome(home, prepared)
  await Promise.all(hosts.map((host) => host.run(tenancyId)))
  await home.sendIdentity(tenancyId)
  await identityEverywhere(hosts, home, tenancyId, log)
  writeTrustRoot(directory, root)
  writeOciConfig(directory, { tenancyId, userId, fingerprint: key.fingerprint, region: homeRegion })
  const up = await listenAndTell(prepared, hosts, ports)
  const endpoint = up.endpoints.find(({ region }) => region === homeRegion)?.endpoint ?? ''
  writeCliDefaults(directory, endpoint, tenancyId)
  const administrator = { tenancyId, userId, fingerprint: key.fingerprint, privateKeyPem: key.privateKeyPem }
  await begin?.({ directory, hosts, home, endpoints: up.endpoints, administrator, log })
  return up
}

/** The first entry of the identity log, with the administrator whose key lies in the directory. Harmless when repeated. */
export async function provisionHome(
  home: RegionHost,
  { directory, tenancyId, userId, key }: Pick<Prepared, 'directory' | 'tenancyId' | 'userId' | 'key'>,
): Promise<void> {
  await home.provision({
    tenancyId,
    tenancyName: 'vaultspan',
    administrator: { userId, name: 'administrator', publicKeyPem: key.publicKeyPem },
  })
  // In memory the key was made for this very cloud.
  if (directory.path === undefined) return
  await home.requireKnownKey({ tenancyId, userId, fingerprint: key.fingerprint }, directory.path)
}

/** Whoever waits for a port to answer finds the file of endpoints there already. */
async function listenAndTell(
  { directory, port, regions, homeRegion, tenancyId, reached, authority }: Prepared,
  hosts: readonly RegionHost[],
  ports: PortDirectory,
): Promise<Up> {
  const tell = (listening: readonly number[]) => {
    const endpoints = regions.map((region, index) => ({
      region,
      endpoint: regionOrigin(reached, region, index, listening[index] ?? 0),
    }))
    const file = { regions: endpoints, homeRegion, tenancyId, rootCompartmentId: tenancyId }
    const undo = writeEndpoints(directory, authority === undefined ? file : { ...file, authority })
    return { endpoints, undo }
  }
  const advertise = async (ports: readonly number[]) => {
    const origins = nameOrigins(reached, regions, ports)
    await Promise.all(hosts.map((host) => host.advertise(origins)))
  }
  const wanted = port === 0 ? undefined : regions.map((_, index) => regionPort(reached, port, index))
  if (wanted !== undefined) await advertise(wanted)
  const told = wanted === undefined ? undefined : tell(wanted)
  const listening: number[] = []
  try {
    for (const [index, host] of hosts.entries()) {
      // Whoever finds a region's own port answering finds its vaults' answering too.
      await ports.listenAll(host.name)
      listening.push(await host.listen(wanted?.[index] ?? 0))
    }
  } catch (cause) {
    told?.undo()
    throw cause
  }
  if (told === undefined) await advertise(listening)
  directory.storeFact('regions', regions.join(','))
  return { endpoints: (told ?? tell(listening)).endpoints, listening }
}

/** Callers can sign in everywhere once every region has the home region's identity log. */
export async function identityEverywhere(
  hosts: readonly RegionHost[],
  home: RegionHost,
  tenancyId: string,
  log: Logger,
): Promise<void> {
  const lacking = await lackingIdentity(home, hosts, tenancyId, { looks: 200, pauseMs: 10 })
  if (lacking.length === 0) return
  log.warn('Identity has not reached every region yet; callers may be refused there for a while.', { regions: lacking })
}
