import { rmSync } from 'node:fs'
import { isKmsError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/ports.ts'
import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import { knownRegions } from '../directory/chooseRegions.ts'
import { bringUp, type Endpoints } from '../cloud/bringUp.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import { serveFaults } from '../control/faultServer.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { addressAt, nameOrigins } from '../names/advertised.ts'
import { hostsCommand } from '../control/hostsCommand.ts'
import { PortDirectory } from '../directory/portDirectory.ts'
import { prepareStart, startInDirectory, type Prepared, type StartOptions } from '../cloud/prepareStart.ts'
import { rotateRootCommand } from '../hsm/rotateRoot.ts'
import { redriveCommand } from '../region/redrive.ts'
import { sharesPorts } from '../workers/sharedPort.ts'
import { freePort } from '../gateway/requireFreePorts.ts'
import { Snapshots } from '../snapshot/snapshots.ts'
import { cloudStatus } from '../status/cloudStatus.ts'
import type { CertificateFiles } from '../tls/certificateFiles.ts'
import type { CertificateSource } from '../tls/tlsFlags.ts'
import { ProcessFaults } from './processFaults.ts'
import { peerSocketPath } from './peerSocket.ts'
import { RegionProcess } from './regionProcess.ts'
import { waitForFormer } from './formerProcesses.ts'

export interface ProcessesOptions extends StartOptions {
  readonly settings: CloudSettings
  readonly log: Logger
  /** How much the regions log. */
  readonly logLevel: LogLevel
  /** Threads that answer in each region; below 2 (the default) a region has one thread for all. */
  readonly workers?: number
  /** Undefined: no TLS. */
  readonly certificate?: CertificateSource
}

/** A running cloud whose regions have a process each. */
export interface ProcessCloud {
  readonly regions: Endpoints
  readonly homeRegion: string
  readonly tenancyId: string
  readonly settings: CloudSettings
  close(): Promise<void>
}

/** @throws UserError, one line, for everything a person can put right. */
export function startProcesses(options: ProcessesOptions): Promise<ProcessCloud> {
  return startInDirectory(options.directory, async (directory) => {
    const processes: RegionProcess[] = []
    try {
      return await start(options, directory, processes)
    } catch (cause) {
      await endAll(processes, options.directory)
      throw cause
    }
  })
}

/** First none takes requests any more, then none takes messages. One that was killed leaves its socket. */
async function endAll(processes: readonly RegionProcess[], path: string): Promise<void> {
  for (const process of processes) process.ending()
  await Promise.allSettled(processes.map(({ commands }) => commands.stop()))
  await Promise.all(processes.map((process) => process.end()))
  for (const { commands } of processes) rmSync(peerSocketPath(path, commands.name), { force: true })
}

async function start(
  given: ProcessesOptions,
  directory: HostDirectory,
  processes: RegionProcess[],
): Promise<ProcessCloud> {
  const { log } = given
  if (directory.path !== undefined) await waitForFormer(directory.path, knownRegions(directory))
  const prepared = await prepareStart(directory, given, given.settings)
  const workers = await usableWorkers(given)
  const { regions, homeRegion } = prepared
  const { certificate, stopRenewal } = await certificateFor(given, regions)
  const settings = { ...given.settings, certificate }
  const options = { ...given, settings }
  const ports = new PortDirectory(directory, options.port)
  const faults = new ProcessFaults(processes, () => regions)
  const services = {
    portOf: (vaultId: string, region: string) =>
      ports.portOf(vaultId, region).catch((cause: unknown) => {
        if (isKmsError(cause, 'cannotStore')) return 'full' as const
        throw cause
      }),
    isBehind: () => Promise.reject(new Error('All regions are on this machine, and were compared at the start.')),
  }
  for (const [index, name] of regions.entries()) {
    const process: RegionProcess = new RegionProcess({
      name,
      services,
      log,
      restarted: async () => {
        await open(options, prepared, process, workers)
        await process.commands.selfTest()
        await faults.tell(process)
        await process.commands.run(prepared.tenancyId)
        await process.commands.advertise(origins)
        await ports.listenAll(name)
        await process.commands.listen(listening[index] ?? 0)
      },
    })
    processes.push(process)
    // A vault gets its port also while its region is down, and listens there when that is up again.
    ports.attach(name, (port, vaultId) =>
      process.isOpen ? process.commands.listen(port, vaultId) : freePort(port, addressAt(settings, index)),
    )
  }
  for (const process of processes) process.start()
  await Promise.all(processes.map((process) => open(options, prepared, process, workers)))
  if (options.cut !== undefined) await faults.break(options.cut, 'cut')
  const hosts = processes.map(({ commands }) => commands)
  const authority = given.certificate?.authorityIn?.(given.directory)
  const told = authority === undefined ? prepared : { ...prepared, authority }
  const { endpoints, listening } = await bringUp(told, hosts, ports, log, options.begin)
  const origins = nameOrigins(settings, regions, listening)
  for (const process of processes) process.keep()
  const snapshots = new Snapshots(directory, hosts)
  const processOf = (region: string) => {
    const process = processes.find(({ commands }) => commands.name === region)
    if (process === undefined) throw new Error(`There is no region ${region}; there are ${regions.join(', ')}.`)
    return process
  }
  const closeFaults = await serveFaults(directory, faults, {
    hosts: () => hostsCommand(prepared, hosts),
    state: () => cloudStatus({ ...prepared, endpoints }, hosts, faults),
    dead: (words) => redriveCommand(hosts, words),
    redrive: (words) => redriveCommand(hosts, words),
    'rotate-root': (words) => rotateRootCommand(hosts, words, directory.path),
    snapshot: ([, to = '']) => snapshots.take(decodeURIComponent(to)),
    hang: async ([, region = '', worker]) => {
      if (worker === undefined) {
        await faults.break(region, 'hang')
        return faults.describe()
      }
      await processOf(region).commands.hangWorker(Number(worker))
      return `worker ${worker} of ${region} stands still, until it is ended and started again`
    },
    kill: async ([, region = '', worker]) => {
      const process = processOf(region)
      if (worker !== undefined) {
        await process.commands.killWorker(Number(worker))
        return `worker ${worker} of ${region} is ended; it is started again`
      }
      process.kill()
      return `the process of ${region} is killed; it is started again`
    },
  })
  return {
    regions: endpoints,
    homeRegion,
    tenancyId: prepared.tenancyId,
    settings,
    close: async () => {
      stopRenewal()
      await closeFaults?.()
      await endAll(processes, options.directory)
      directory.close()
    },
  }
}

const dayMs = 86_400_000

/** The files are looked at every day: an authority of our own makes a certificate anew that ends soon. */
async function certificateFor(
  { certificate: source, settings, directory, log }: ProcessesOptions,
  regions: readonly string[],
): Promise<{ readonly certificate: CertificateFiles | null; readonly stopRenewal: () => void }> {
  const { advertised } = settings
  if (source === undefined || advertised === null) return { certificate: null, stopRenewal: () => undefined }
  const certificate = await source.files(directory, regions, advertised.host)
  const timer = setInterval(() => {
    source.files(directory, regions, advertised.host).catch((cause: unknown) => {
      log.error('The certificate could not be made anew.', cause)
    })
  }, dayMs).unref()
  return {
    certificate,
    stopRenewal: () => {
      clearInterval(timer)
    },
  }
}

async function open(
  { settings, logLevel }: ProcessesOptions,
  { directory, regions, homeRegion }: Prepared,
  process: RegionProcess,
  workers: number | undefined,
): Promise<void> {
  const path = directory.path
  if (path === undefined) throw new Error('A cloud in memory has one process.')
  await process.open({
    region: process.commands.name,
    homeRegion,
    regions,
    path,
    settings,
    logLevel,
    ...(workers === undefined ? {} : { workers }),
    ports: directory.ports(),
  })
}

/** Undefined: one thread answers at each port. */
export async function usableWorkers({
  workers = 0,
  settings,
  log,
}: Pick<ProcessesOptions, 'workers' | 'settings' | 'log'>): Promise<number | undefined> {
  if (workers < 2) return undefined
  if (await sharesPorts(addressAt(settings, 0))) return workers
  log.warn('This system does not share a port out between threads, so that each region answers with one.', { workers })
  return undefined
}
