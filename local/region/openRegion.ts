import { SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import type { Arrivals } from '../../lib/http/arrivals.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { failureLimit } from '../../lib/http/failedAuthentications.ts'
import { composeEmbedded } from './composeEmbedded.ts'
import { CustodyWatch } from '../hsm/custody.ts'
import { hsmForWorkers } from '../hsm/hsmForWorkers.ts'
import { invalidateOnCommit } from './invalidateOnCommit.ts'
import { openGateway } from './openGateway.ts'
import { openHsmAndStore } from './openHsmAndStore.ts'
import type { Region, RegionParts } from './region.ts'
import { regionListener } from './regionListener.ts'
import { sweepStore } from './sweepStore.ts'
import { LagWindow } from '../../lib/replication/lagWindow.ts'
import type { NameOrigins } from '../names/advertised.ts'
import { regionHosts } from '../names/regionHosts.ts'
import { RequestMetrics } from '../metrics/requestMetrics.ts'
import { answerInside } from './answerInside.ts'
import type { Watched } from './regionHealth.ts'
import { openRegionAudit } from './regionAudit.ts'
import { regionPages } from './regionPages.ts'
import { regionFunctions } from './regionFunctions.ts'
import { openCertificate } from '../tls/openCertificate.ts'
import { seenByAll } from './seenByAll.ts'
import { watchRequests } from './watchRequests.ts'
import { VerifiedPorts } from './verifiedPorts.ts'
import type { CryptoWorkers } from '../workers/cryptoWorkers.ts'
import type { Gateway } from '../workers/gateway.ts'
import { Notices } from '../workers/notices.ts'
import { openWorkers, requireWorkers } from '../workers/regionWorkers.ts'
import { notRunning, startPumps, type Pumps } from './regionPumps.ts'

export function openRegion(parts: RegionParts): Region {
  const { region, directory, settings, log } = parts
  const certificate = openCertificate(region, settings, log)
  const notices = new Notices()
  const { tokens } = settings
  const { hsm, store, file } = openHsmAndStore(parts, (change) => {
    notices.give({ kind: 'hsm', change })
  })
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
  const listener = regionListener(parts, gateway, (port) => {
    own.port = port
    notices.give({ kind: 'ownPort', port })
  })
  const endSweeps = sweepStore(store, log)
  parts.faults.attach(region, {
    break: listener.break,
    runDue: () => {
      notices.give({ kind: 'clock', aheadMs: parts.faults.aheadMs })
      return running.runDue()
    },
    heal: async () => {
      await listener.heal()
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
    listen: listener.listen,
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
      endSweeps()
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
