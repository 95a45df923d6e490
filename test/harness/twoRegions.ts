import { randomBytes, randomUUID } from 'node:crypto'
import { marshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBStreamEvent, SQSEvent } from 'aws-lambda'
import { outcomeFunction } from '../../handlers/replicate/outcome.ts'
import { applyFunction } from '../../handlers/replicate/apply.ts'
import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import { scheduleFunction } from '../../handlers/schedule/scheduleFunction.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import type { TestCloudOptions } from './testCloudOptions.ts'
import { newOcid, realm } from '../../lib/ocid.ts'
import type { QueueName, Queues } from '../../lib/ports.ts'
import {
  composeRegion,
  type RegionOptions,
  type Runtime,
  type RuntimeSettings,
} from '../../lib/runtime/composeRegion.ts'
import { AuditChain } from '../../lib/kms/auditChain/auditChain.ts'
import { chainedTables } from '../../lib/kms/auditChain/chainedTables.ts'
import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { systemTimers } from '../../lib/runtime/systemTimers.ts'
import { createBackupStore } from '../../lib/store/backups/backupStore.ts'
import { memoryRoot } from '../../lib/store/backups/memoryRoot.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { KmsHsm } from '../../lib/aws/kms/kmsHsm.ts'
import { aKeyService, type TestKeyService } from './aKeyService.ts'
import { knownRsaPair } from './knownRsaPair.ts'
import { noHurry } from './noHurry.ts'
import { newTenancy, signedCall, type Answered, type Call, type CallableRegion, type StoryCloud } from './signedCall.ts'

const maxFileBytes = 1_000_000

export const regionA = 'us-ashburn-1'
export const regionB = 'us-phoenix-1'

export type { Answered }

export interface TestRegion extends CallableRegion {
  readonly store: SqliteRegionStore
  /** Of its audit; heads are signed when a test says so. */
  readonly chain: AuditChain
  /** What wraps the KEKs, where `isUnderKms`. */
  readonly keks: TestKeyService
}

export interface TestCloud extends StoryCloud {
  readonly a: TestRegion
  readonly b: TestRegion
  /** The objects of the backups' root, by path. */
  readonly backups: Map<string, string>
  /** Links between regions: down, they refuse every message; `sent` shows what went over them. */
  readonly link: { isUp: boolean; isStuck: boolean; sent: { to: string; queue: QueueName; body: string }[] }
  readonly clock: { now: number }
  /** Another tenancy in the same cloud, with an administrator of its own. */
  readonly addTenancy: () => Promise<{ tenancyId: string; call: Call }>
  /** Runs the streams and queues until nothing is left to do, or `rounds` have passed. */
  readonly settle: (rounds?: number) => Promise<void>
  /** Runs what has fallen due in both regions. */
  readonly runDue: () => Promise<void>
  readonly close: () => void
}

type Composed = Pick<RegionOptions, 'region' | 'tables' | 'queues' | 'hsm' | 'clock' | 'log'> &
  Partial<Pick<RegionOptions, 'backups'>> & {
    readonly settings?: Partial<RuntimeSettings>
    readonly cryptoAudit?: 'on' | 'off' | 'required'
  }

const testSettings: RuntimeSettings = {
  replicationAck: 'available',
  handOffBudgetMs: noHurry.handOffBudgetMs,
  arrivalsMs: 0,
  keyCacheMs: 0,
  requiresServicePolicy: true,
  preparesKeys: false,
  rateLimits: null,
  serviceLimits: null,
  issuerHosts: [],
}

/** One of the two regions, in which a vault is found by its id as the host. */
export function composeTestRegion({ settings, cryptoAudit: crypto = 'on', ...ports }: Composed): Runtime {
  return composeRegion({
    settings: { ...testSettings, ...settings },
    maxFileBytes,
    backups: createBackupStore({ root: memoryRoot(), allowedHosts: [], maxBytes: maxFileBytes }),
    ...ports,
    homeRegion: regionA,
    regions: [regionA, regionB],
    endpoints: {
      of: async ({ id }, of) => ({ management: `http://${of}/${id}`, crypto: `http://${of}/${id}` }),
      regions: [regionA, regionB],
    },
    vaultAt: (host) => (host.startsWith('ocid1.vault') ? host : undefined),
    isRegionHost: (host) => host === 'region',
    hasDecodedPaths: false,
    random: randomBytes,
    // Here queues run when a test says so: nothing is worth waiting for.
    arrivals: { awaited: async function* () {} },
    audit: new GroupedAuditSink(ports.tables, {
      flushMs: 5,
      crypto,
      log: ports.log,
      timers: systemTimers,
    }),
  })
}

const writeToStandardError = (line: string) => {
  process.stderr.write(`${line}\n`)
}

/** Two regions over the real functions, in memory, whose streams and queues run only when a test says so. */
export async function twoRegions(options: TestCloudOptions = {}): Promise<TestCloud> {
  const {
    writeLog = writeToStandardError,
    logLevel = 'silent',
    isStrict = false,
    isUnderKms = false,
    cryptoAudit = 'on',
    generateRsa = knownRsaPair,
    ...others
  } = options
  const settings = { ...others, replicationAck: isStrict ? 'strict' : 'available' } as const
  const clock = { now: Date.now() }
  const link: TestCloud['link'] = { isUp: true, isStuck: false, sent: [] }
  const tenancyId = newOcid(randomBytes, 'tenancy')
  const stores = new Map<string, SqliteRegionStore>()
  const log = jsonLogger(writeLog, logLevel)
  const objects = new Map<string, string>()
  const open = (region: string): TestRegion => {
    const store = openSqliteRegionStore({ file: ':memory:', clock: () => clock.now, newId: randomUUID })
    stores.set(region, store)
    const hsm = openSoftwareHsm({ region, realm, generateRsa })
    const keks = aKeyService()
    const queues: Queues = {
      send: async (to, messages) => {
        if (to.region !== region && link.isStuck) await new Promise(() => undefined)
        if (to.region !== region && !link.isUp) throw new Error(`${to.region} is unreachable`)
        if (to.region !== region)
          link.sent.push(...messages.map(({ body }) => ({ to: to.region, queue: to.name, body })))
        await stores.get(to.region)?.queues.send(to.name, messages)
      },
    }
    const ports = { region, hsm, clock: () => clock.now, log }
    const chain = new AuditChain({ ...ports, tables: store.tables, hsm: () => hsm, random: randomBytes })
    const runtime = composeTestRegion({
      ...ports,
      cryptoAudit,
      tables: chainedTables(store.tables, chain),
      queues,
      hsm: isUnderKms ? eachTimeAnother(() => new KmsHsm(hsm, { keys: keks, region, resourcePrefix: 'test' })) : hsm,
      settings,
      backups: createBackupStore({ root: memoryRoot(objects), allowedHosts: [], maxBytes: maxFileBytes }),
    })
    return { runtime, store, hsm, chain, keks }
  }
  const a = open(regionA)
  const b = open(regionB)
  const keyIds = new Map<string, string>()
  const addTenancy = async (id: string) => {
    keyIds.set(id, await newTenancy([a, b], id))
  }
  await addTenancy(tenancyId)
  const callAs =
    (id: string): Call =>
    (region, method, target, body, callOptions = {}) =>
      signedCall(region, keyIds.get(id) ?? '', (clock.now += 1), method, target, body, callOptions)
  const cloud: TestCloud = {
    a,
    b,
    tenancyId,
    backups: objects,
    link,
    clock,
    call: callAs(tenancyId),
    addTenancy: async () => {
      const id = newOcid(randomBytes, 'tenancy')
      await addTenancy(id)
      return { tenancyId: id, call: callAs(id) }
    },
    settle: (rounds = 60) => settle([a, b], clock, rounds),
    runDue: async () => {
      for (const { runtime } of [a, b]) await scheduleFunction(runtime)()
    },
    close: () => {
      a.store.close()
      b.store.close()
    },
  }
  await cloud.settle()
  return cloud
}

/** Functions share no memory: each use is of an object of its own. */
function eachTimeAnother<T extends object>(make: () => T): T {
  return new Proxy(make(), {
    get: (_first, name) => {
      const another = make()
      const member: unknown = Reflect.get(another, name, another)
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(another) : member
    },
  })
}

async function settle(regions: readonly TestRegion[], clock: { now: number }, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    clock.now += 1
    let isIdle = true
    for (const region of regions) if (await pumpOnce(region)) isIdle = false
    if (isIdle) {
      const waits = regions.some(({ store }) =>
        (['inbox', 'outcome', 'outbox'] as const).some((name) => store.queues.nextVisibleAt(name) !== undefined),
      )
      if (!waits) return
      clock.now += 1000
    }
  }
}

/** True where there was something to do. */
async function pumpOnce({ runtime, store }: TestRegion): Promise<boolean> {
  const changes = await store.tables.readChanges(0, 100)
  if (changes.length > 0) {
    const Records = changes.map(({ seq, new: image }) => ({
      dynamodb: {
        SequenceNumber: String(seq),
        ...(image === null ? {} : { NewImage: marshall(image, { removeUndefinedValues: true }) }),
      },
    }))
    const { batchItemFailures } = await fanOutFunction(runtime)({ Records } as unknown as DynamoDBStreamEvent)
    // What failed comes again, with everything after it, as a stream gives it.
    const firstFailed = Math.min(...batchItemFailures.map(({ itemIdentifier }) => Number(itemIdentifier)))
    await store.tables.trimChanges(Math.min(changes.at(-1)?.seq ?? 0, firstFailed - 1))
  }
  let hasWorked = changes.length > 0
  const consumers = {
    inbox: applyFunction(runtime),
    outcome: outcomeFunction(runtime),
    outbox: fanOutFunction(runtime),
  } as const
  for (const name of ['inbox', 'outcome', 'outbox'] as const) {
    const messages = await store.queues.receive(name, 10, 2000)
    if (messages.length === 0) continue
    const event = {
      Records: messages.map(({ id, body, receiveCount }) => ({
        messageId: id,
        body,
        attributes: { ApproximateReceiveCount: String(receiveCount) },
      })),
    } as unknown as SQSEvent
    const { batchItemFailures } = await consumers[name](event)
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
    const done = messages.filter(({ id }) => !failed.has(id)).map(({ id }) => id)
    await store.queues.delete(name, done)
    if (done.length > 0) hasWorked = true
  }
  return hasWorked
}
