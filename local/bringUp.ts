import type { Logger } from '../lib/ports.ts'
import { writeEndpoints, writeTrustRoot, type EndpointsFile } from './endpointsFile.ts'
import { writeOciConfig } from './ociProfile.ts'
import type { PortDirectory } from './portDirectory.ts'
import type { Prepared, StartOptions } from './prepareStart.ts'
import { requireNotPutBack } from './putBack.ts'
import type { RegionHost } from './regionHost.ts'

export type Endpoints = EndpointsFile['regions']

/** Makes one cloud of opened regions: they trust each other, know the administrator, and listen. Resolves with where. */
export async function bringUp(
  prepared: Prepared,
  hosts: readonly RegionHost[],
  ports: PortDirectory,
  log: Logger,
  begin?: StartOptions['begin'],
): Promise<Endpoints> {
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
  await home.provision({
    tenancyId,
    tenancyName: 'vaultspan',
    administrator: { userId, name: 'administrator', publicKeyPem: key.publicKeyPem },
  })
  // In memory the key was made for this very cloud.
  if (directory.path !== undefined) {
    await home.requireKnownKey({ tenancyId, userId, fingerprint: key.fingerprint }, path)
  }
  await Promise.all(hosts.map((host) => host.run()))
  await home.sendIdentity(tenancyId)
  await identityEverywhere(hosts, home, tenancyId, log)
  writeTrustRoot(directory, root)
  writeOciConfig(directory, { tenancyId, userId, fingerprint: key.fingerprint, region: homeRegion })
  const endpoints = await listenAndTell(prepared, hosts, ports)
  await begin?.(home, tenancyId)
  return endpoints
}

/** The tenancy's root signs a region's identity; the region pins that root. */
export async function introduce(home: RegionHost, host: RegionHost, tenancyId: string): Promise<void> {
  const [root, publicKey] = await Promise.all([home.tenancyRoot(tenancyId), host.identityPublicKey()])
  await host.acceptStatement(root, await home.stateRegion(tenancyId, host.name, publicKey))
}

/** Whoever waits for a port to answer finds the file of endpoints there already. */
async function listenAndTell(
  { directory, port, regions, homeRegion, tenancyId }: Prepared,
  hosts: readonly RegionHost[],
  ports: PortDirectory,
): Promise<Endpoints> {
  const tell = (endpoints: Endpoints) =>
    writeEndpoints(directory, { regions: endpoints, homeRegion, tenancyId, rootCompartmentId: tenancyId })
  const undo =
    port === 0 ? undefined : tell(regions.map((region, index) => ({ region, endpoint: ports.origin(port + index) })))
  const endpoints: { region: string; endpoint: string }[] = []
  try {
    for (const [index, host] of hosts.entries()) {
      const actual = await host.listen(port === 0 ? 0 : port + index)
      endpoints.push({ region: host.name, endpoint: ports.origin(actual) })
      await ports.listenAll(host.name)
    }
  } catch (cause) {
    undo?.()
    throw cause
  }
  if (undo === undefined) tell(endpoints)
  directory.storeFact('regions', regions.join(','))
  return endpoints
}

/** Callers can sign in everywhere once every region has the home region's identity log. */
async function identityEverywhere(
  hosts: readonly RegionHost[],
  home: RegionHost,
  tenancyId: string,
  log: Logger,
): Promise<void> {
  const wanted = await home.identityHead(tenancyId)
  for (let wait = 0; wait < 200; wait += 1) {
    const heads = await Promise.all(hosts.map((host) => host.identityHead(tenancyId)))
    if (heads.every((seq) => seq >= wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  log.warn('Identity has not reached every region yet; callers may be refused there for a while.')
}
