import { randomUUID } from 'node:crypto'
import type { RsaGenerator } from '../../lib/hsm/software/material.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import type { BackupStore } from '../../lib/kms/backup/backupPlace.ts'
import type { Clock, Logger, QueueMessage, QueueName } from '../../lib/ports.ts'
import type { Arrivals } from '../../lib/http/arrivals.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { failureLimit } from '../../lib/http/failedAuthentications.ts'
import { composeEmbedded } from './composeEmbedded.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import type { Faults } from './faults.ts'
import { CustodyWatch } from '../hsm/custody.ts'
import { hsmForWorkers } from '../hsm/hsmForWorkers.ts'
import { openRegionHsm } from '../hsm/openRegionHsm.ts'
import { requireRows } from '../directory/requireRows.ts'
import { revisionNotes } from '../hsm/revisionNotes.ts'
import { requireReplicasInTokens } from '../hsm/softwareReplicas.ts'
import { invalidateOnCommit } from './invalidateOnCommit.ts'
import { openGateway } from './openGateway.ts'
import { listenKnown } from '../gateway/listenKnown.ts'
import { LagWindow } from '../../lib/replication/lagWindow.ts'
import { addressAt, type NameOrigins } from '../names/advertised.ts'
import { regionHosts } from '../names/regionHosts.ts'
import { RequestMetrics } from '../metrics/requestMetrics.ts'
import type { VaultPorts } from '../directory/portDirectory.ts'
import type { HttpResponse } from '../../lib/http/wireRequest.ts'
import { answerInside, type InsideRequest } from './answerInside.ts'
import type { PutBack } from '../../lib/replication/takeBack/recover.ts'
import type { RegionHealth, Watched } from './regionHealth.ts'
import { openRegionAudit } from './regionAudit.ts'
import { regionPages } from './regionPages.ts'
import { regionFunctions } from './regionFunctions.ts'
import { portReason } from '../gateway/requireFreePorts.ts'
import { openCertificate } from '../tls/openCertificate.ts'
import { seenByAll } from './seenByAll.ts'
import { watchRequests } from './watchRequests.ts'
import { VerifiedPorts } from './verifiedPorts.ts'
import type { CryptoWorkers } from '../workers/cryptoWorkers.ts'
import type { Gateway } from '../workers/gateway.ts'
import { Notices } from '../workers/notices.ts'
import { openWorkers, requireWorkers, type WorkerSettings } from '../workers/regionWorkers.ts'
import { UserError } from '../../lib/userError.ts'
import { notRunning, startPumps, type Pumps } from './regionPumps.ts'

export interface RegionParts {
  readonly region: string
  readonly homeRegion: string
  readonly regions: readonly string[]
  readonly directory: DataFiles
  readonly ports: VaultPorts
  readonly faults: Faults
  readonly settings: CloudSettings
  /** All regions share one, so that a backup opens in another. */
  readonly backups: BackupStore
  readonly log: Logger
  readonly clock: Clock
  readonly requestClock: Clock
  /** Whether what falls due and reconciliation are looked at every minute. */
  readonly isScheduled: boolean
  readonly generateRsa?: RsaGenerator
  /** Undefined: this thread alone answers. */
  readonly workers?: WorkerSettings
  /** How each region, this one too, is sent to, by name, once it is open. */
  readonly peers: ReadonlyMap<string, Peer>
}

/** A region's queues as others see them. */
export interface Peer {
  /** Resolves when all messages are durable there. @throws where it cannot be reached: then some may have arrived. */
  send(name: QueueName, messages: readonly QueueMessage[]): Promise<void>
}

/** Where a region's files lie. */
export interface DataFiles {
  /** A file below the directory; undefined where everything lives in memory. */
  file(...parts: readonly string[]): string | undefined
}

/** A region of the embedded cloud: opened first, started when every region is open. */
export interface Region {
  readonly name: string
  readonly runtime: Runtime
  readonly store: SqliteRegionStore
  readonly hsm: ProvisionedHsm
  readonly custody: CustodyWatch
  /** What its tokens keep may go on to processes elsewhere. */
  readonly allowsSoftwareReplicas: boolean
  /** Starts the pumps. */
  run(): void
  /**
   * Listens for the region itself, or for a vault; resolves with the port. @throws UserError where the region's own is
   * taken, the system's error where a vault's is.
   */
  listen(port: number, vaultId?: string): Promise<number>
  /** How every region's names are reached. */
  advertise(origins: NameOrigins): void
  isIdle(): boolean
  /** As when one of its threads dies. @throws where there is none of that number. */
  killWorker(index: number): Promise<void>
  /** As when one of its threads never leaves a computation. @throws as killWorker. */
  hangWorker(index: number): Promise<void>
  health(): Promise<RegionHealth>
  answer(request: InsideRequest): Promise<HttpResponse>
  /** For /healthz. */
  notePutBack(putBack: PutBack): void
  /** Does now what is done every minute. */
  runDue(): Promise<void>
  /** Ends its work; the store stays open, because other regions may still send to its queues. */
  stop(): Promise<void>
}

const sweepMs = 60_000

export function openRegion(parts: RegionParts): Region {
  const { region, directory, settings, log, clock, generateRsa } = parts
  const certificate = openCertificate(region, settings, log)
  const notices = new Notices()
  const { tokens } = settings
  const hsm = openRegionHsm({
    region,
    directory,
    tokens,
    onChange: (change) => {
      notices.give({ kind: 'hsm', change })
    },
    ...(generateRsa === undefined ? {} : { generateRsa }),
  })
  // After the HSM's file: a store without one is a store whose HSM was lost.
  const file = directory.file('regions', `${region}.db`)
  const store = openSqliteRegionStore({
    file: file ?? ':memory:',
    hasReaders: parts.workers !== undefined,
    clock,
    newId: randomUUID,
  })
  try {
    // Before the HSM finishes by these rows what was begun for vaults.
    requireRows(store.database, directory.file(), region)
    hsm.guardState(revisionNotes(store))
    if (!(hsm instanceof SoftwareHsm)) requireReplicasInTokens(store, region, tokens, directory)
  } catch (cause) {
    store.close()
    hsm.close()
    throw cause
  }
  const requests = new RequestMetrics()
  const lag = new LagWindow((link, lagMs) => {
    metrics.replicated(link, lagMs)
  })
  const { sink: audit, ...audited } = openRegionAudit(parts, store, hsm, () => workers?.collect() ?? [])
  let running: Pumps = notRunning
  const own: Own = { origins: {} }
  const arrivals: Arrivals = {
    awaited: () => running.arrivals.awaited(),
    stored: (ids) => running.arrivals.stored(ids),
  }
  const verified = new VerifiedPorts(parts.ports, () => runtime)
  const hosts = regionHosts({
    ...parts,
    verified,
    tables: store.tables,
    ownPort: () => own.port,
    origins: () => own.origins,
  })
  const takeFailure = failureLimit()
  const requestWatch = watchRequests({ log, region, metrics: requests, runtime: () => runtime })
  const runtime: Runtime = composeEmbedded(parts, { store, tables: audited.tables }, hsm, lag, audit, {
    hosts,
    arrivals,
    takeFailure,
    requestWatch,
  })
  invalidateOnCommit(store, runtime, (items) => {
    notices.give({ kind: 'touched', items })
  })
  const found: Watched['found'] = {}
  const custody = new CustodyWatch(hsm, directory.file())
  const figures = () => workers?.figures() ?? []
  const counted = () => workers?.counted() ?? Promise.resolve([])
  const { health, metrics } = regionPages({
    ...parts,
    store,
    hsm: seenByAll(hsm, () => workers?.awayTokens() ?? []),
    runtime,
    requests,
    lag,
    audit,
    found,
    custody,
    workers: figures,
    counted,
    running: () => workers?.running ?? 0,
  })
  const served = { functions: regionFunctions(runtime), health, metrics: () => metrics.text() }
  const arrived = () => running.arrived()
  const workers: CryptoWorkers | undefined =
    parts.workers && file !== undefined
      ? openWorkers(parts.workers, {
          ...served,
          parts,
          file,
          hsm: hsmForWorkers(hsm, directory, tokens),
          runtime,
          verified,
          own,
          audit,
          takeFailure,
          arrived,
          notices,
        })
      : undefined
  const gateway: Gateway = workers ?? openGateway(parts, runtime, hosts, certificate, served)
  const isNamed = settings.advertised?.by === 'names'
  const portOf = async (vaultId: string | undefined) =>
    vaultId === undefined || isNamed ? (own.port ?? 0) : parts.ports.portOf(vaultId, region)
  const address = addressAt(settings, parts.regions.indexOf(region))
  const ownPort = (port: number) => {
    own.port = port
    notices.give({ kind: 'ownPort', port })
  }
  const listening = new Set<number>()
  const listen = async (port: number) => {
    const actual = await gateway.listen(port, address)
    listening.add(actual)
    // A region that is cut off gives out ports, but nobody reaches them until it heals.
    if (parts.faults.isCut(region)) await gateway.close()
    return actual
  }
  const sweeper = setInterval(() => {
    void Promise.all([store.tables.sweepExpired(500), store.queues.sweepExpired(500)]).catch((cause: unknown) => {
      log.error('A sweep failed.', cause)
    })
  }, sweepMs).unref()
  parts.faults.attach(region, {
    break: async (how) => {
      await gateway.stand(how)
      if (how === 'cut') await gateway.close()
    },
    runDue: () => {
      notices.give({ kind: 'clock', aheadMs: parts.faults.aheadMs })
      return running.runDue()
    },
    heal: async () => {
      await gateway.stand(undefined)
      for (const port of listening) if (!gateway.isListening(port)) await gateway.listen(port, address)
      await running.retryNow()
    },
  })
  return {
    name: region,
    runtime,
    store,
    hsm,
    custody,
    allowsSoftwareReplicas: !(hsm instanceof SoftwareHsm) && tokens?.allowsSoftwareReplicas === true,
    run: () => {
      audited.run(runtime)
      running = startPumps(store, runtime, parts, (kind, ids) => {
        notices.give({ kind, ids })
      })
    },
    listen: async (port, vaultId) => {
      if (vaultId !== undefined) return listen(port)
      try {
        return await listenKnown(port, ownPort, listen)
      } catch (cause) {
        throw new UserError(portReason(port, cause), { cause })
      }
    },
    advertise: (origins) => {
      own.origins = origins
    },
    health,
    answer: (request) => answerInside({ functions: served.functions, portOf }, request),
    isIdle: () => running.isIdle(),
    killWorker: (index) => requireWorkers(workers, region).kill(index),
    hangWorker: (index) => requireWorkers(workers, region).hang(index),
    notePutBack: (putBack) => {
      found.putBack = putBack
    },
    runDue: () => running.runDue(),
    stop: async () => {
      clearInterval(sweeper)
      metrics.close()
      await gateway.drain()
      certificate?.close()
      await running.stop()
      await audited.close()
      hsm.close()
    },
  }
}

/** Where the region itself listens, once it does, and how its and others' names are reached. */
interface Own {
  port?: number
  origins: NameOrigins
}
