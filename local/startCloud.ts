import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { headSeq } from '../lib/kms/identity/verifyIdentity.ts'
import type { BackupStore } from '../lib/kms/backup/backupPlace.ts'
import type { RsaGenerator } from '../lib/hsm/software/material.ts'
import { newOcid } from '../lib/ocid.ts'
import type { Clock, Logger } from '../lib/ports.ts'
import { fanOut } from '../lib/replication/fanOut.ts'
import { jsonLogger } from '../lib/runtime/jsonLogger.ts'
import { provisionTenancy } from '../lib/runtime/provisionTenancy.ts'
import { createBackupStore } from '../lib/store/backups/backupStore.ts'
import { directoryRoot } from '../lib/store/backups/directoryRoot.ts'
import { memoryRoot } from '../lib/store/backups/memoryRoot.ts'
import type { SqliteRegionStore } from '../lib/store/sqlite/openSqliteRegionStore.ts'
import { chooseRegions } from './chooseRegions.ts'
import { defaultSettings, type CloudSettings } from './cloudSettings.ts'
import { writeEndpoints, writeTrustRoot } from './endpointsFile.ts'
import { FaultServer } from './faultServer.ts'
import { Faults } from './faults.ts'
import { FreshFiles } from './freshFiles.ts'
import { HostDirectory } from './hostDirectory.ts'
import { administratorKey, writeOciConfig } from './ociProfile.ts'
import { PortDirectory } from './portDirectory.ts'
import { requireComplete, requireKnownKey, requireOwnRoot } from './requireComplete.ts'
import { requireFreePorts } from './requireFreePorts.ts'
import { StartError } from './startError.ts'
import { redriveCommand } from './redrive.ts'
import { maxFileBytes, openRegion, type Region } from './startRegion.ts'

export interface CloudOptions {
  /** ':memory:' keeps nothing. */
  readonly directory: string
  /** Region i listens at port + i, vaults from port + 100; 0 takes any free ports. */
  readonly port: number
  /** Undefined: those of the last start, or two. */
  readonly regions?: readonly string[]
  readonly settings?: Partial<CloudSettings>
  readonly log?: Logger
  readonly clock?: Clock
  /** How the simulated HSMs make RSA pairs; for tests. */
  readonly generateRsa?: RsaGenerator
}

/** A running cloud of several regions in this process. */
export interface Cloud {
  readonly regions: readonly { readonly region: string; readonly endpoint: string }[]
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

/** @throws StartError, one line, for everything a person can put right. */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const fresh = freshFiles(options.directory)
  const directory = new HostDirectory(options.directory)
  const opened: Region[] = []
  try {
    return await start(options, directory, opened)
  } catch (cause) {
    await closeAll(opened)
    directory.close()
    fresh?.remove()
    throw cause instanceof StartError
      ? cause
      : new StartError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** Of a cloud that is there already a failed start changes nothing; a new one goes as it came. */
function freshFiles(directory: string): FreshFiles | undefined {
  return directory === ':memory:' || existsSync(join(directory, 'host.db')) ? undefined : FreshFiles.in(directory)
}

async function closeAll(regions: readonly Region[]): Promise<void> {
  await Promise.all(regions.map((region) => region.stop()))
  for (const { store } of regions) store.close()
}

async function start(options: CloudOptions, directory: HostDirectory, opened: Region[]): Promise<Cloud> {
  const settings = { ...defaultSettings, ...options.settings }
  const log = options.log ?? jsonLogger(() => undefined, 'silent')
  const clock = options.clock ?? Date.now
  requireComplete(directory)
  const regions = chooseRegions(directory, options.regions)
  if (options.port !== 0) await requireFreePorts(portsOf(directory, regions, options.port), settings.host)
  // Before the facts that say that there is one.
  const key = administratorKey(directory)
  const homeRegion = remembered(directory, 'homeRegion', () => regions[0] ?? '')
  const tenancyId = remembered(directory, 'tenancyId', () => newOcid(randomBytes, 'tenancy'))
  const userId = remembered(directory, 'administratorId', () => newOcid(randomBytes, 'user'))
  const ports = new PortDirectory(directory, options.port, settings.host)
  const faults = new Faults()
  const stores = new Map<string, SqliteRegionStore>()
  const backups = openBackups(directory, settings)
  const { generateRsa } = options
  const shared = { homeRegion, regions, directory, ports, faults, settings, backups, log, clock, stores }
  const common = { ...shared, ...(generateRsa === undefined ? {} : { generateRsa }) }
  for (const region of regions) opened.push(openRegion({ ...common, region }))
  // A wrong answer here means that nothing this process would encrypt can be trusted.
  await Promise.all(opened.map(({ hsm }) => hsm.selfTest()))
  const home = opened.find(({ name }) => name === homeRegion)
  if (home === undefined) throw new Error(`The home region ${homeRegion} is not open.`)
  await requireOwnRoot(home, tenancyId, directory)
  const trustRoot = await trustEachOther(opened, home, tenancyId)
  await provisionTenancy(home.runtime, {
    tenancyId,
    tenancyName: 'vaultspan',
    administrator: { userId, name: 'administrator', publicKeyPem: key.publicKeyPem },
  })
  await requireKnownKey(home, { tenancyId, userId, fingerprint: key.fingerprint }, directory)
  for (const region of opened) {
    await region.store.queues.releaseHeld()
    region.run()
  }
  await fanOut(home.runtime, { kind: 'identity', tenancyId })
  await identityEverywhere(opened, home, tenancyId, log)
  writeTrustRoot(directory, trustRoot)
  writeOciConfig(directory, { tenancyId, userId, fingerprint: key.fingerprint, region: homeRegion })
  const write = (endpoints: Cloud['regions']) =>
    writeEndpoints(directory, { regions: endpoints, homeRegion, tenancyId, rootCompartmentId: tenancyId })
  // Whoever waits for a port to answer finds the files there already.
  const isFixed = options.port !== 0
  const undo = isFixed
    ? write(regions.map((region, index) => ({ region, endpoint: ports.origin(options.port + index) })))
    : undefined
  const endpoints = await listen(opened, ports, options.port).catch((cause: unknown) => {
    undo?.()
    throw cause
  })
  if (!isFixed) write(endpoints)
  directory.remember('regions', regions.join(','))
  const faultServer = await FaultServer.open(directory, faults, {
    dead: (words) => redriveCommand(opened, words),
    redrive: (words) => redriveCommand(opened, words),
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
      await faultServer?.close()
      await closeAll(opened)
      directory.close()
    },
  }
}

function openBackups(directory: HostDirectory, { backupRoot, backupUriHosts }: CloudSettings): BackupStore {
  const place = backupRoot ?? directory.file('backups')
  const root = place === undefined ? memoryRoot() : directoryRoot(place)
  return createBackupStore({ root, allowedHosts: backupUriHosts, maxBytes: maxFileBytes })
}

/** The regions' ports, and those that vaults have, with their region. */
function portsOf(directory: HostDirectory, regions: readonly string[], base: number): ReadonlyMap<number, string> {
  const vaultPorts = directory.ports().filter(({ region }) => regions.includes(region))
  return new Map([
    ...vaultPorts.map(({ port, region }) => [port, region] as const),
    ...regions.map((_, index) => [base + index, ''] as const),
  ])
}

function remembered(directory: HostDirectory, name: string, make: () => string): string {
  const known = directory.fact(name)
  if (known !== undefined) return known
  const made = make()
  directory.remember(name, made)
  return made
}

/** The tenancy's root signs each region's identity; every region pins that root. */
async function trustEachOther(regions: readonly Region[], home: Region, tenancyId: string): Promise<string> {
  const root = home.hsm.createTenancyRoot(tenancyId)
  for (const { hsm } of regions) {
    await hsm.acceptStatement(root, home.hsm.issueStatement(tenancyId, hsm.region, hsm.identityPublicKey))
  }
  return root
}

async function listen(regions: readonly Region[], ports: PortDirectory, base: number): Promise<Cloud['regions']> {
  const endpoints: { region: string; endpoint: string }[] = []
  for (const [index, region] of regions.entries()) {
    const port = await region.listen(base === 0 ? 0 : base + index)
    endpoints.push({ region: region.name, endpoint: ports.origin(port) })
    await ports.listenAll(region.name)
  }
  return endpoints
}

/** Callers can sign in everywhere once every region has the home region's identity log. */
async function identityEverywhere(
  regions: readonly Region[],
  home: Region,
  tenancyId: string,
  log: Logger,
): Promise<void> {
  const wanted = await headSeq(home.runtime, tenancyId)
  for (let wait = 0; wait < 200; wait += 1) {
    const heads = await Promise.all(regions.map(({ runtime }) => headSeq(runtime, tenancyId)))
    if (heads.every((seq) => seq >= wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  log.warn('Identity has not reached every region yet; callers may be refused there for a while.')
}

async function idle(regions: readonly Region[]): Promise<void> {
  for (let quiet = 0; quiet < 3;) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    quiet = regions.every((region) => region.isIdle()) ? quiet + 1 : 0
  }
}
