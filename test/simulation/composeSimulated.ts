import { auditWrite, minuteMark, type AuditEvent, type AuditSink } from '../../lib/kms/audit.ts'
import type { Logger, Tables } from '../../lib/ports.ts'
import { composeRegion, type Runtime } from '../../lib/runtime/composeRegion.ts'
import { createBackupStore, type ObjectRoot } from '../../lib/store/backups/backupStore.ts'
import { memoryRoot } from '../../lib/store/backups/memoryRoot.ts'
import type { Network } from './network.ts'
import type { Incarnation, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seededRandom.ts'
import { SimulatedHsm } from './simulatedHsm.ts'
import type { SimulatedTables } from './simulatedTables.ts'

export const regionA = 'us-ashburn-1'
export const regionB = 'us-phoenix-1'

/** How a region is run in one schedule. */
export interface RegionSettings {
  readonly isStrict: boolean
  /** Processes with memories of their own. */
  readonly instances: 1 | 2
  readonly keyCacheMs: number
  /** Whether a process sees every write of its region, as the embedded host's does. */
  readonly invalidatesOnCommit: boolean
  /** The longest time by which an index lags. */
  readonly indexLagMs: number
  /** Whether a page of rows may end before as many as were asked for. */
  readonly hasShortPages: boolean
  readonly skewMs: number
  readonly tenancies: ReadonlySet<string>
}

export interface SimulatedParts {
  readonly name: string
  readonly scheduler: Pick<Scheduler, 'now' | 'call' | 'timers'>
  readonly network: Pick<Network, 'portOf'>
  readonly random: SeededRandom
  readonly settings: RegionSettings
  readonly log: Logger
  readonly tables: SimulatedTables
  readonly identityHeads: Map<string, number>
  readonly incarnation: Incarnation
  /** The objects of the backups' bucket, which all regions share, by path. */
  readonly objects: Map<string, string>
}

/** One process of a region over simulated ports: each of its calls waits until the scheduler chooses it. */
export function composeSimulated(parts: SimulatedParts): Runtime {
  const { name, scheduler, network, random, settings, log, incarnation, identityHeads } = parts
  const tables = simulatedPort(parts)
  const clock = () => scheduler.now + settings.skewMs
  const bytes = (length: number) => random.bytes(length)
  return composeRegion({
    region: name,
    homeRegion: regionA,
    regions: [regionA, regionB],
    tables,
    queues: network.portOf(name, incarnation),
    hsm: new SimulatedHsm({
      region: name,
      random: bytes,
      tenancies: settings.tenancies,
      identityHeads,
      later: (label, effect) => scheduler.call(incarnation, name, 'hsm', () => label, effect),
    }),
    endpoints: {
      of: async ({ id }, of) => ({ management: `http://${of}/${id}`, crypto: `http://${of}/${id}` }),
      regions: [regionA, regionB],
    },
    vaultAt: (host) => (host.startsWith('ocid1.vault') ? host : undefined),
    isRegionHost: (host) => host === 'region',
    hasDecodedPaths: false,
    clock,
    timers: scheduler.timers(incarnation, name),
    random: bytes,
    log,
    settings: {
      replicationAck: settings.isStrict ? 'strict' : 'available',
      handOffBudgetMs: 1000,
      keyCacheMs: settings.keyCacheMs,
      // Behind the pipeline nobody waits for what is on its way.
      arrivalsMs: 0,
      requiresServicePolicy: true,
      preparesKeys: false,
      rateLimits: null,
      serviceLimits: null,
      issuerHosts: [],
    },
    audit: writingSink(tables),
    maxFileBytes: 1_000_000,
    backups: createBackupStore({ root: simulatedRoot(parts), allowedHosts: [], maxBytes: 1_000_000 }),
  })
}

function simulatedPort({ name, scheduler, tables, incarnation }: SimulatedParts): Tables {
  return {
    get: (table, pk, sk) =>
      scheduler.call(
        incarnation,
        name,
        'read',
        () => `${table} ${pk} ${sk}`,
        () => tables.get(table, pk, sk),
      ),
    query: (table, pk, prefix, page) =>
      scheduler.call(
        incarnation,
        name,
        'read',
        () => `${table} ${pk} ${prefix}*`,
        () => tables.query(table, pk, prefix, page),
      ),
    queryIndex: (table, index, gpk, page) =>
      scheduler.call(
        incarnation,
        name,
        'read',
        () => `${table} ${index} ${gpk}`,
        () => tables.queryIndex(table, index, gpk, page),
      ),
    scan: (table, page) =>
      scheduler.call(
        incarnation,
        name,
        'read',
        () => `${table} scan`,
        () => tables.scan(table, page),
      ),
    advance: (pk, sk, step) =>
      scheduler.call(
        incarnation,
        name,
        'write',
        () => `advance ${pk} ${sk}`,
        () => tables.advance(pk, sk, step),
      ),
    write: (writes, writeId) =>
      scheduler.call(
        incarnation,
        name,
        'write',
        () => labelOf(writes),
        () => tables.write(writes, writeId),
      ),
  }
}

function simulatedRoot({ name, scheduler, incarnation, objects }: SimulatedParts): ObjectRoot {
  const root = memoryRoot(objects)
  const call = async <T>(kind: 'read' | 'write', label: string, effect: () => Promise<T>) =>
    (
      await scheduler.call(
        incarnation,
        name,
        kind,
        () => `object ${label}`,
        () => ({ done: effect() }),
      )
    ).done
  return {
    put: (path, text, replacing) => call('write', path, () => root.put(path, text, replacing)),
    get: (path, maxBytes) => call('read', path, () => root.get(path, maxBytes)),
  }
}

function labelOf(writes: Parameters<Tables['write']>[0]): string {
  return writes
    .map((write) => {
      const { pk, sk } = write.op === 'put' ? write.item : write
      const state = write.op === 'put' ? write.item['lifecycleState'] : undefined
      const revision =
        write.op === 'put' ? `@${write.item.revision ?? ''} ${typeof state === 'string' ? state : ''}` : ''
      return `${write.op} ${write.table} ${pk} ${sk}${revision}`
    })
    .join(', ')
}

/** Events that do not commit with a change are written one by one. */
function writingSink(tables: Tables): AuditSink {
  const written = async (event: AuditEvent) => {
    await tables.write([auditWrite(event)])
  }
  return {
    crypto: 'off',
    writesOf: (event) => [auditWrite(event)],
    append: written,
    written,
    prepare: async (event) => {
      await tables.write([minuteMark(event)])
    },
  }
}
