import type { Logger } from '../../lib/ports.ts'
import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import { UserError } from '../../lib/userError.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import { writeEndpoints, writeTrustRoot } from '../directory/endpointsFile.ts'
import { serveFaults } from '../control/faultServer.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { namedOrigin, nameOrigin, type NameOrigin } from '../names/advertised.ts'
import { hostsCommand } from '../control/hostsCommand.ts'
import { administratorKey, writeCliDefaults, writeOciConfig } from '../directory/ociProfile.ts'
import { startInDirectory } from '../cloud/prepareStart.ts'
import { ProcessFaults } from '../processes/processFaults.ts'
import { RegionProcess } from '../processes/regionProcess.ts'
import type { Opening } from '../processes/protocol.ts'
import type { ProcessCloud } from '../processes/startProcesses.ts'
import { redriveCommand } from '../region/redrive.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { requireFreePorts, type WantedPort } from '../gateway/requireFreePorts.ts'
import { cloudStatus } from '../status/cloudStatus.ts'
import type { CertificateSource } from '../tls/tlsFlags.ts'
import {
  apartRegion,
  apartTenancy,
  readPeerAddress,
  trustedRegions,
  type ApartRegion,
  type TenancyOf,
} from './apartRegion.ts'
import { openHsm } from './initRegion.ts'
import { readPeerCertificate } from './peerCertificate.ts'

export interface ApartOptions {
  readonly directory: string
  readonly settings: Omit<CloudSettings, 'host' | 'advertised' | 'certificate'>
  readonly certificateOf: (region: ApartRegion) => Promise<CertificateSource | null>
  readonly log: Logger
  readonly logLevel: LogLevel
}

/** Starts this machine's region. Its peers may be there or not. @throws UserError, one line, for what a person can put right. */
export function startApart(options: ApartOptions): Promise<ProcessCloud> {
  return startInDirectory(options.directory, async (directory) => {
    const started: RegionProcess[] = []
    try {
      return await start(options, directory, started)
    } catch (cause) {
      for (const process of started) await process.end()
      throw cause
    }
  })
}

async function start(options: ApartOptions, directory: HostDirectory, started: RegionProcess[]): Promise<ProcessCloud> {
  const { log, logLevel } = options
  const own = apartRegion(directory)
  const { region } = own
  const tenancy = apartTenancy(directory)
  if (tenancy === undefined) {
    throw new UserError(
      `${region} belongs to no tenancy yet: trust the statement of the home region first (vaultspan region trust FILE).`,
    )
  }
  requireComplete(directory)
  openHsm(directory, region)
  const certificate = readPeerCertificate(directory, Date.now())
  const inbox = readPeerAddress(own.peerAddress)
  await waitForPorts(directory, [
    { address: own.host, port: own.port },
    { address: inbox.host, port: inbox.port },
  ])
  const peers = Object.values(trustedRegions(directory))
  const source = await options.certificateOf(own)
  const files = source === null ? null : await source.files(options.directory, [region], own.advertised.host)
  const settings = { ...options.settings, host: own.host, advertised: own.advertised, certificate: files }
  const origins: Record<string, NameOrigin> = Object.fromEntries(
    peers.map(({ region: name, origin }) => [name, origin]),
  )
  const reached = nameOrigin(own, own.port)
  if (reached !== undefined) origins[region] = reached
  const opening: Opening = {
    region,
    homeRegion: tenancy.homeRegion,
    regions: [region, ...peers.map((peer) => peer.region)],
    path: directory.path ?? '',
    settings,
    logLevel,
    ports: [],
    apart: {
      ...inbox,
      own: certificate,
      peers: peers.map((peer) => ({
        ...readPeerAddress(peer.peerAddress),
        region: peer.region,
        certificate: peer.certificate,
      })),
    },
  }
  const process: RegionProcess = new RegionProcess({
    name: region,
    services: { portOf: () => Promise.reject(new Error('A region on a machine of its own has names.')) },
    log,
    restarted: async () => {
      await process.open(opening)
      await process.commands.selfTest()
      await faults.tell(process)
      await process.commands.run()
      await process.commands.advertise(origins)
      await process.commands.listen(own.port)
    },
  })
  const faults = new ProcessFaults([process], opening.regions)
  started.push(process)
  process.start()
  await process.open(opening)
  const host = process.commands
  await host.selfTest()
  if (own.isHome) await provision(directory, tenancy, host)
  await host.run()
  if (own.isHome) for (const peer of peers) await host.resendIdentity(tenancy.tenancyId, peer.region)
  const endpoints = opening.regions.flatMap((name) => {
    const origin = origins[name]
    return origin === undefined ? [] : [{ region: name, endpoint: namedOrigin(origin, 'kms', name) }]
  })
  const authority = source?.authorityIn?.(options.directory)
  const { tenancyId, homeRegion } = tenancy
  const file = { regions: endpoints, homeRegion, tenancyId, rootCompartmentId: tenancyId }
  await host.advertise(origins)
  const undo = writeEndpoints(directory, authority === undefined ? file : { ...file, authority })
  try {
    await host.listen(own.port)
  } catch (cause) {
    undo()
    throw cause
  }
  tell(directory, own, tenancy, endpoints[0]?.endpoint ?? '')
  directory.storeFact('regions', region)
  process.keep()
  const hosts = [host]
  const closeCommands = await serveFaults(directory, faults, {
    hosts: () => hostsCommand({ reached: settings, regions: [region], tenancyId }, hosts),
    state: () => cloudStatus({ ...tenancy, endpoints }, hosts, faults),
    dead: (words) => redriveCommand(hosts, words),
    redrive: (words) => redriveCommand(hosts, words),
    kill: async () => {
      process.kill()
      return `the process of ${region} is killed; it is started again`
    },
  })
  return {
    regions: endpoints,
    homeRegion,
    tenancyId,
    settings,
    close: async () => {
      await closeCommands?.()
      process.ending()
      await process.commands.stop().catch(() => undefined)
      await process.end()
      directory.close()
    },
  }
}

/** A region's process outlives one that was killed by a moment. */
const patienceMs = 5_000
const lookMs = 50

async function waitForPorts(directory: HostDirectory, ports: readonly WantedPort[]): Promise<void> {
  const hasRun = directory.fact('regions') !== undefined
  for (let waited = 0; ; waited += lookMs) {
    try {
      await requireFreePorts(ports)
      return
    } catch (cause) {
      if (!hasRun || waited >= patienceMs) throw cause
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

async function provision(
  directory: HostDirectory,
  { tenancyId }: TenancyOf,
  host: RegionProcess['commands'],
): Promise<void> {
  const key = administratorKey(directory)
  const userId = directory.fact('administratorId') ?? ''
  const path = directory.path ?? ''
  await host.requireOwnRoot(tenancyId, path)
  await host.provision({
    tenancyId,
    tenancyName: 'vaultspan',
    administrator: { userId, name: 'administrator', publicKeyPem: key.publicKeyPem },
  })
  await host.requireKnownKey({ tenancyId, userId, fingerprint: key.fingerprint }, path)
}

/** What clients here need; the administrator's profile lies where their key does. */
function tell(directory: HostDirectory, own: ApartRegion, { tenancyId, trustRoot }: TenancyOf, endpoint: string): void {
  writeTrustRoot(directory, trustRoot)
  writeCliDefaults(directory, endpoint, tenancyId)
  if (!own.isHome) return
  const { fingerprint } = administratorKey(directory)
  writeOciConfig(directory, {
    tenancyId,
    userId: directory.fact('administratorId') ?? '',
    fingerprint,
    region: own.region,
  })
}
