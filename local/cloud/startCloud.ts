import type { BackupStore } from '../../lib/kms/backup/backupPlace.ts'
import type { RsaGenerator } from '../../lib/hsm/software/material.ts'
import type { Clock, Logger } from '../../lib/ports.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { bringUp, type Endpoints } from './bringUp.ts'
import { defaultSettings, type CloudSettings } from '../cloudSettings.ts'
import { serveFaults } from '../control/faultServer.ts'
import { Faults } from '../region/faults.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { hostsCommand } from '../control/hostsCommand.ts'
import { openBackups } from '../region/openBackups.ts'
import { PortDirectory } from '../directory/portDirectory.ts'
import { prepareStart, startInDirectory, type StartOptions } from './prepareStart.ts'
import { rotateRootCommand } from '../hsm/rotateRoot.ts'
import { redriveCommand } from '../region/redrive.ts'
import { regionHost } from '../region/regionHost.ts'
import { cloudStatus } from '../status/cloudStatus.ts'
import { openRegion } from '../region/openRegion.ts'
import type { Peer, Region } from '../region/region.ts'

export interface CloudOptions extends StartOptions {
  readonly settings?: Partial<CloudSettings>
  /** Where a cloud in memory takes commands; undefined: nowhere. */
  readonly commandsIn?: string
  readonly log?: Logger
  readonly clock?: Clock
  /** By which requests' dates are judged; undefined: the same. */
  readonly requestClock?: Clock
  /** How the simulated HSMs make RSA pairs; for tests. */
  readonly generateRsa?: RsaGenerator
  /** False: nothing is done every minute, for tests that watch every write. */
  readonly isScheduled?: boolean
}

/** A running cloud of several regions in this process. */
export interface Cloud {
  readonly regions: Endpoints
  readonly homeRegion: string
  readonly tenancyId: string
  readonly administrator: { readonly userId: string; readonly fingerprint: string; readonly privateKeyPem: string }
  readonly settings: CloudSettings
  readonly faults: Faults
  readonly parts: readonly Region[]
  readonly backups: BackupStore
  /** Resolves when no pump has anything to do. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** @throws UserError, one line, for everything a person can put right. */
export function startCloud(options: CloudOptions): Promise<Cloud> {
  return startInDirectory(options.directory, async (directory) => {
    const opened: Region[] = []
    try {
      return await start(options, directory, opened)
    } catch (cause) {
      await closeAll(opened)
      throw cause
    }
  })
}

async function closeAll(regions: readonly Region[]): Promise<void> {
  await Promise.all(regions.map((region) => region.stop()))
  for (const { store } of regions) store.close()
}

async function start(options: CloudOptions, directory: HostDirectory, opened: Region[]): Promise<Cloud> {
  const settings = { ...defaultSettings, ...options.settings }
  const log = options.log ?? jsonLogger(() => undefined, 'silent')
  const prepared = await prepareStart(directory, options, settings)
  const { regions, homeRegion, tenancyId, userId, key } = prepared
  const ports = new PortDirectory(directory, options.port)
  const stores = new Map<string, Peer>()
  const backups = openBackups(directory.path, settings)
  const { clock = Date.now, requestClock = clock, generateRsa, isScheduled = true } = options
  const faults = new Faults(regions, clock)
  const parts = {
    homeRegion,
    regions,
    directory,
    ports,
    faults,
    settings,
    backups,
    log,
    clock: faults.clock,
    requestClock,
    isScheduled,
    peers: stores,
  }
  for (const region of regions) {
    const open = openRegion({ ...parts, region, ...(generateRsa === undefined ? {} : { generateRsa }) })
    opened.push(open)
    stores.set(region, open.store.queues)
    ports.attach(region, (port, vaultId) => open.listen(port, vaultId))
  }
  if (options.cut !== undefined) await faults.break(options.cut, 'cut')
  const hosts = opened.map(regionHost)
  const { endpoints } = await bringUp(prepared, hosts, ports, log, options.begin)
  const closeFaults = await serveFaults({ path: directory.path ?? options.commandsIn }, faults, {
    hosts: () => hostsCommand(prepared, hosts),
    state: () => cloudStatus({ ...prepared, endpoints }, hosts, faults),
    dead: (words) => redriveCommand(hosts, words),
    redrive: (words) => redriveCommand(hosts, words),
    'rotate-root': (words) => rotateRootCommand(hosts, words, directory.path),
  })
  return {
    regions: endpoints,
    homeRegion,
    tenancyId,
    administrator: { userId, fingerprint: key.fingerprint, privateKeyPem: key.privateKeyPem },
    settings,
    faults,
    parts: opened,
    backups,
    idle: () => idle(opened),
    close: async () => {
      await closeFaults?.()
      await closeAll(opened)
      directory.close()
    },
  }
}

async function idle(regions: readonly Region[]): Promise<void> {
  for (let quiet = 0; quiet < 3;) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    quiet = regions.every((region) => region.isIdle()) ? quiet + 1 : 0
  }
}
