import type { Logger } from '../../lib/ports.ts'
import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import { UserError } from '../../lib/userError.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import { provisionHome } from '../cloud/bringUp.ts'
import { startInDirectory } from '../cloud/prepareStart.ts'
import { serveFaults } from '../control/faultServer.ts'
import { hostsCommand } from '../control/hostsCommand.ts'
import { writeEndpoints, writeTrustRoot } from '../directory/endpointsFile.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { administratorKey, writeCliDefaults, writeOciConfig } from '../directory/ociProfile.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { requireFreePorts, type WantedPort } from '../gateway/requireFreePorts.ts'
import { ProcessFaults } from '../processes/processFaults.ts'
import { RegionProcess } from '../processes/regionProcess.ts'
import { usableWorkers, type ProcessCloud } from '../processes/startProcesses.ts'
import { rotateRootCommand } from '../hsm/rotateRoot.ts'
import { redriveCommand } from '../region/redrive.ts'
import { Snapshots } from '../snapshot/snapshots.ts'
import { cloudStatus, type ApartPlace } from '../status/cloudStatus.ts'
import type { CertificateSource } from '../tls/tlsFlags.ts'
import { apartRegion, apartTenancy, readPeerAddress, type ApartRegion, type TenancyOf } from './apartRegion.ts'
import { performApart } from './performApart.ts'
import { requireOwnToken } from '../hsm/tokenSettings.ts'
import { requireHsm, type AtHand } from './atHand.ts'
import { placementOf } from './placement.ts'
import { behindRefusal, requireOwnCopy } from './requireOwnCopy.ts'

export interface ApartOptions {
  readonly directory: string
  readonly settings: Omit<CloudSettings, 'host' | 'advertised' | 'certificate'>
  readonly certificateOf: (region: ApartRegion) => Promise<CertificateSource | null>
  readonly log: Logger
  readonly logLevel: LogLevel
  /** As ProcessesOptions. */
  readonly workers?: number
  /** Takes back what the others have where this region was put back to an older copy. */
  readonly recovers?: boolean
  /** Called where a region that comes later knows of changes that are missing here: this one must end. */
  readonly onBehind: (refusal: UserError) => void
}

/** Starts this machine's region. Its peers may be there or not. @throws UserError, one line, for what a person can put right. */
export function startApart(options: ApartOptions): Promise<ProcessCloud> {
  return startInDirectory(options.directory, async (directory) => {
    const started: RegionProcess[] = []
    try {
      return await start(options, directory, started)
    } catch (cause) {
      for (const process of started) await ended(process)
      throw cause
    }
  })
}

/** First it takes no requests and works no messages any more: what it works would find its store closed. */
async function ended(process: RegionProcess): Promise<void> {
  process.ending()
  await process.commands.stop().catch(() => undefined)
  await process.end()
}

async function start(options: ApartOptions, directory: HostDirectory, started: RegionProcess[]): Promise<ProcessCloud> {
  const { log, logLevel } = options
  const own = apartRegion(directory)
  const { region } = own
  const path = directory.path ?? ''
  const tenancy = apartTenancy(directory)
  if (tenancy === undefined) {
    throw new UserError(
      `${region} belongs to no tenancy yet: trust the statement of the home region first (vaultspan region trust FILE).`,
    )
  }
  const { tenancyId, homeRegion } = tenancy
  requireComplete(directory)
  directory.makeFolders()
  requireHsm(directory, region)
  requireOwnToken(options.settings.tokens, region)
  const inbox = readPeerAddress(own.peerAddress)
  await waitForPorts(directory, [
    { address: own.host, port: own.port },
    { address: inbox.host, port: inbox.port },
  ])
  const source = await options.certificateOf(own)
  const files = source === null ? null : await source.files(options.directory, [region], own.advertised.host)
  const settings = { ...options.settings, host: own.host, advertised: own.advertised, certificate: files }
  const workers = await usableWorkers({ ...options, settings })
  const read = () => placementOf(directory, { own, tenancy, settings, logLevel, workers })
  let placed = read()
  const process: RegionProcess = new RegionProcess({
    name: region,
    services: {
      portOf: () => Promise.reject(new Error('A region on a machine of its own has names.')),
      isBehind: async (found) => {
        options.onBehind(behindRefusal(path, region, found))
      },
    },
    log,
    restarted: async () => {
      await process.open(placed.opening)
      await process.commands.selfTest()
      await faults.tell(process)
      await process.commands.run(tenancyId)
      await process.commands.advertise(placed.origins)
      await process.commands.listen(own.port)
    },
  })
  const faults = new ProcessFaults([process], () => placed.opening.regions)
  started.push(process)
  process.start()
  await process.open(placed.opening)
  const host = process.commands
  await host.selfTest()
  if (own.isHome) await host.requireOwnRoot(tenancyId, path)
  await requireOwnCopy(host, { path, region, recovers: options.recovers ?? false, log })
  if (own.isHome) {
    const [userId, key] = [directory.fact('administratorId') ?? '', administratorKey(directory)]
    await provisionHome(host, { directory, tenancyId, userId, key })
  }
  await host.run(tenancyId)
  const sendIdentity = async () => {
    if (!own.isHome) return
    for (const peer of placed.opening.regions) if (peer !== region) await host.resendIdentity(tenancyId, peer)
  }
  await sendIdentity()
  const authority = source?.authorityIn?.(options.directory)
  const tellEndpoints = () => {
    const file = { regions: placed.endpoints, homeRegion, tenancyId, rootCompartmentId: tenancyId }
    return writeEndpoints(directory, authority === undefined ? file : { ...file, authority })
  }
  await host.advertise(placed.origins)
  const undo = tellEndpoints()
  try {
    await host.listen(own.port)
  } catch (cause) {
    undo()
    throw cause
  }
  tell(directory, own, tenancy, placed.endpoints[0]?.endpoint ?? '')
  directory.storeFact('regions', region)
  process.keep()
  const hosts = [host]
  const snapshots = new Snapshots(directory, hosts)
  const closeCommands = await serveFaults(directory, faults, {
    hosts: () => hostsCommand({ reached: settings, regions: [region], tenancyId }, hosts),
    state: () => cloudStatus({ ...tenancy, endpoints: placed.endpoints, apart: placeOf(own) }, hosts, faults),
    dead: (words) => redriveCommand(hosts, words),
    redrive: (words) => redriveCommand(hosts, words),
    'rotate-root': (words) => rotateRootCommand(hosts, words, directory.path),
    snapshot: ([, to = '']) => snapshots.take(decodeURIComponent(to)),
    hang: async ([, name = '', worker]) => {
      if (worker === undefined) {
        await faults.break(name, 'hang')
        return faults.describe()
      }
      await host.hangWorker(Number(worker))
      return `worker ${worker} of ${region} stands still, until it is ended and started again`
    },
    kill: async ([, , worker]) => {
      if (worker !== undefined) {
        await host.killWorker(Number(worker))
        return `worker ${worker} of ${region} is ended; it is started again`
      }
      process.kill()
      return `the process of ${region} is killed; it is started again`
    },
    apart: async (words) => {
      const audit: AtHand['audit'] = (...act) => host.auditOperator(...act)
      const vaults = async () => (await host.standingVaults(tenancyId)).map(({ vault }) => vault)
      const endLinks = async (lost: string) => {
        for (const { vault } of await host.standingVaults(tenancyId)) {
          // Behind whatever was sent there: nothing of it is taken for the link that may be made next.
          if (vault.replicaRegion === lost) await host.dropReplica(vault.id, vault.fence + 1)
        }
      }
      const region = {
        directory,
        hsm: host,
        vaults,
        audit,
        endLinks,
        forgetPeer: (peer: string) => host.forgetPeer(tenancyId, peer),
      }
      const { said, isChanged } = await performApart(region, words.slice(1))
      if (!isChanged) return said
      placed = read()
      await process.replace()
      tellEndpoints()
      await sendIdentity()
      return said
    },
  })
  return {
    regions: placed.endpoints,
    homeRegion,
    tenancyId,
    settings,
    close: async () => {
      await closeCommands?.()
      await ended(process)
      directory.close()
    },
  }
}

function placeOf({ region, isHome, peerAddress, host, port }: ApartRegion): ApartPlace {
  return { region, isHome, peerAddress, host, port }
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
