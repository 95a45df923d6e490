import { randomUUID } from 'node:crypto'
import { KmsError } from '../../lib/errors.ts'
import { SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import type { Arrivals } from '../../lib/http/arrivals.ts'
import { auditText, type AuditSink, type AuditText } from '../../lib/kms/audit.ts'
import { pooledRandom } from '../../lib/pooledRandom.ts'
import type { Logger, Tables } from '../../lib/ports.ts'
import { composeRegion, type Runtime } from '../../lib/runtime/composeRegion.ts'
import { openWorkerHsm } from '../hsm/hsmForWorkers.ts'
import { openSqliteReader } from '../../lib/store/sqlite/sqliteReader.ts'
import { invalidate } from '../region/invalidateOnCommit.ts'
import { regionHosts, type RegionHosts, type RegionHostsOptions } from '../names/regionHosts.ts'
import { RequestMetrics } from '../metrics/requestMetrics.ts'
import { watchRequests } from '../region/watchRequests.ts'
import { maxFileBytes } from '../region/openBackups.ts'
import { ArrivedRecords } from './arrivedRecords.ts'
import { NoticeReader } from './notices.ts'
import type { RegionServices, WorkerStart } from './protocol.ts'

/** A region as a worker has it: it reads and computes; whatever is written, the region's own thread writes. */
export interface WorkerRegion {
  readonly runtime: Runtime
  readonly hosts: RegionHosts
  readonly requests: RequestMetrics
  /** Before anything cached is looked at: from here on all is known that was answered before. */
  catchUp(): void
  /** Tokens that were needed and did not answer; they are looked for again. */
  awayTokens(): readonly string[]
  close(): void
}

/** `keepEvent` puts an event where this thread's end does not reach it, before it returns. */
export function composeWorker(
  start: WorkerStart,
  region: RegionServices,
  keepEvent: (event: AuditText) => void,
  log: Logger,
): WorkerRegion {
  const hsm = openWorkerHsm(start.region, start.hsm, () => {
    catchUp()
  })
  let { aheadMs, ownPort } = start
  const clock = () => Date.now() + aheadMs
  const reader = openSqliteReader(start.file, clock)
  const records = new ArrivedRecords()
  const tables = readOnly(reader)
  const hosts = regionHosts({
    ...start,
    verified: portsOf(region),
    tables,
    ownPort: () => ownPort,
    origins: () => ({}),
  })
  const requests = new RequestMetrics()
  const requestWatch = watchRequests({ log, region: start.region, metrics: requests, runtime: () => runtime })
  const runtime: Runtime = composeRegion({
    ...start,
    tables,
    queues: { send: async () => notHere() },
    hsm,
    endpoints: { regions: start.regions, of: ({ id, vaultPrefix }, at) => region.endpointsOf({ id, vaultPrefix }, at) },
    vaultAt: (host, port) => hosts.vaultAt(host, port),
    ...(hosts.vaultNames && { vaultNames: hosts.vaultNames }),
    isRegionHost: (host, port) => hosts.isRegionHost(host, port),
    hasDecodedPaths: false,
    clock,
    requestClock: Date.now,
    random: pooledRandom(),
    log,
    audit: audit(start, region, keepEvent),
    takeFailure: (tenancyId, now) => region.takeFailure(tenancyId, now),
    requestWatch,
    explainsRefusals: true,
    maxFileBytes,
    backups: { write: async () => notHere(), read: async () => notHere() },
    arrivals: arrivals(records, region, () => {
      catchUp()
    }),
  })
  const notices = new NoticeReader(start.notices, (notice) => {
    switch (notice.kind) {
      case 'touched':
        invalidate(runtime, notice.items)
        return
      case 'hsm':
        hsm.follow(notice.change)
        return
      case 'clock':
        aheadMs = notice.aheadMs
        return
      case 'ownPort':
        ownPort = notice.port
        return
      case 'arrived':
        records.arrived(notice.ids)
        return
      case 'worked':
        records.worked(notice.ids)
    }
  })
  const catchUp = () => {
    notices.catchUp()
  }
  return {
    runtime,
    hosts,
    requests,
    catchUp,
    awayTokens: () => (hsm instanceof SoftwareHsm ? [] : hsm.awayTokens()),
    close: () => {
      reader.close()
      hsm.close()
    },
  }
}

function notHere(): never {
  throw new Error('Only the thread of the region itself does this.')
}

function readOnly(reader: Pick<Tables, 'get' | 'query'>): Tables {
  return {
    get: (...at) => reader.get(...at),
    query: (...at) => reader.query(...at),
    queryIndex: async () => notHere(),
    scan: async () => notHere(),
    write: async () => notHere(),
    advance: async () => notHere(),
  }
}

/** A port leads to a vault for ever: it is verified once, by the region. */
function portsOf(region: RegionServices): RegionHostsOptions['verified'] {
  const known = new Map<number, string>()
  const ask = async (port: number) => {
    const found = await region.vaultAt(port)
    if ('refused' in found) throw new KmsError(found.refused.code, found.refused.message)
    if (found.vaultId !== undefined && found.isChecked) known.set(port, found.vaultId)
    return found.vaultId
  }
  return {
    endpoints: (regions) => ({ regions, of: async () => notHere() }),
    vaultAt: (port) => known.get(port) ?? ask(port),
  }
}

function audit({ settings }: WorkerStart, region: RegionServices, keepEvent: (event: AuditText) => void): AuditSink {
  let daysOf: (tenancyId: string) => number | undefined = () => undefined
  return {
    crypto: settings.cryptoAudit,
    keepFor: (given) => {
      daysOf = given
    },
    append: (event) => {
      keepEvent(auditText(event, daysOf))
    },
    written: (event) => region.auditWritten(auditText(event, daysOf)),
    prepare: notHere,
    writesOf: notHere,
  }
}

function arrivals(records: ArrivedRecords, region: RegionServices, catchUp: () => void): Required<Arrivals> {
  // What was stored meanwhile has been told of before the region's answer came.
  const stored = async (ids: readonly string[]) => {
    await region.stored(ids)
    catchUp()
  }
  return {
    awaited: async function* () {
      const waitId = randomUUID()
      try {
        while (await region.arrived(waitId)) yield undefined
        // What this thread has refused by may have been stored before the region was asked.
        yield undefined
      } finally {
        void region.stopWaiting(waitId).catch(() => undefined)
      }
    },
    stored: (ids) => (records.has(ids) ? stored(ids) : undefined),
  }
}
