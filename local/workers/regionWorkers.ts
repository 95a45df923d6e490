import { setTimeout } from 'node:timers/promises'
import { isKmsError } from '../../lib/errors.ts'
import type { HttpFunction } from '../../lib/http/httpFunction.ts'
import type { FunctionName } from '../../lib/http/operations.ts'
import type { HsmForWorkers } from '../hsm/hsmForWorkers.ts'
import type { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import type { TakeFailure } from '../../lib/http/failedAuthentications.ts'
import type { RegionParts } from '../region/region.ts'
import type { VerifiedPorts } from '../region/verifiedPorts.ts'
import { CryptoWorkers } from './cryptoWorkers.ts'
import type { Notices } from './notices.ts'
import type { RegionServices, VaultFound } from './protocol.ts'

/** How many threads answer for a region, and how much they log. */
export interface WorkerSettings {
  readonly count: number
  readonly logLevel: LogLevel
}

/** What of a region its workers ask. */
export interface WorkersOf {
  readonly parts: Pick<RegionParts, 'region' | 'homeRegion' | 'regions' | 'settings' | 'faults' | 'log'>
  readonly file: string
  readonly hsm: HsmForWorkers
  readonly runtime: Runtime
  readonly verified: VerifiedPorts
  readonly own: { readonly port?: number }
  readonly audit: GroupedAuditSink
  readonly functions: Readonly<Record<FunctionName, HttpFunction>>
  readonly health: () => Promise<object>
  readonly metrics: () => Promise<string>
  readonly takeFailure: TakeFailure
  /** Vaults and keys of which records wait, each as often as one does. */
  readonly arrived: () => readonly string[]
  readonly notices: Notices
}

export function openWorkers({ count, logLevel }: WorkerSettings, of: WorkersOf): CryptoWorkers {
  const { region, homeRegion, regions, settings, faults, log } = of.parts
  return new CryptoWorkers({
    count,
    patienceMs: settings.workerPatienceMs,
    notices: of.notices,
    start: (index) => ({
      region,
      homeRegion,
      regions,
      settings,
      logLevel,
      file: of.file,
      hsm: of.hsm.start(index),
      aheadMs: faults.aheadMs,
      ...(of.own.port === undefined ? {} : { ownPort: of.own.port }),
    }),
    first: () => [{ kind: 'arrived', ids: of.arrived() }],
    services: services(of),
    tokensAway: (labels) => {
      of.hsm.lookAgain(labels)
    },
    events: of.audit,
    onEnd: (index) => {
      of.hsm.ended(index)
    },
    onStuck: () => {
      log.error(
        'A worker does not come back from a call into the HSM’s library; the process of its region is ended.',
        undefined,
      )
      void endProcess(of.audit)
    },
    log,
  })
}

/** @throws where the region has none. */
export function requireWorkers(workers: CryptoWorkers | undefined, region: string): CryptoWorkers {
  if (workers === undefined) throw new Error(`${region} has no workers.`)
  return workers
}

/** How long events of the audit may take to be written then. */
const lastMs = 2_000

/** No process ends in order while one of its threads is in a call that does not return; whoever started it starts another. */
async function endProcess(audit: GroupedAuditSink): Promise<void> {
  await Promise.race([audit.flush().catch(() => undefined), setTimeout(lastMs)])
  process.kill(process.pid, 'SIGKILL')
}

function services({
  runtime,
  verified,
  audit,
  functions,
  health,
  metrics,
  takeFailure,
}: WorkersOf): Omit<RegionServices, 'tokensAway'> {
  const waits = new Map<string, AsyncIterator<undefined>>()
  return {
    answer: (serves, event) => functions[serves](event),
    health,
    metrics,
    endpointsOf: async ({ id, vaultPrefix }, at) => runtime.endpoints.of({ id, vaultPrefix }, at),
    vaultAt: (port) => found(verified, port),
    auditWritten: (event) => audit.writeNow(event),
    takeFailure: async (tenancyId, now) => takeFailure(tenancyId, now),
    stored: async (ids) => runtime.arrivals.stored?.(ids),
    arrived: async (waitId) => {
      const wait = waits.get(waitId) ?? runtime.arrivals.awaited()[Symbol.asyncIterator]()
      waits.set(waitId, wait)
      return (await wait.next()).done !== true
    },
    stopWaiting: async (waitId) => {
      const wait = waits.get(waitId)
      waits.delete(waitId)
      await wait?.return?.()
    },
  }
}

async function found(verified: VerifiedPorts, port: number): Promise<VaultFound> {
  try {
    const vaultId = await verified.vaultAt(port)
    return { vaultId, isChecked: verified.isChecked(port) }
  } catch (cause) {
    if (!isKmsError(cause)) throw cause
    return { refused: { code: cause.code, message: cause.message } }
  }
}
