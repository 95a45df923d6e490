import {
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign as signBytes,
  createHash,
  createPublicKey,
} from 'node:crypto'
import { marshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBStreamEvent, SQSEvent } from 'aws-lambda'
import { auditFunction } from '../../handlers/audit/auditFunction.ts'
import { cryptoFunction } from '../../handlers/crypto/cryptoFunction.ts'
import { identityFunction } from '../../handlers/identity/identityFunction.ts'
import { keysFunction } from '../../handlers/keys/keysFunction.ts'
import { acknowledgeFunction } from '../../handlers/replicate/acknowledge.ts'
import { applyFunction } from '../../handlers/replicate/apply.ts'
import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import { scheduleFunction } from '../../handlers/schedule/scheduleFunction.ts'
import { vaultFunction } from '../../handlers/vault/vaultFunction.ts'
import { openSoftwareHsm, type SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { fingerprint } from '../../lib/iam/fingerprint.ts'
import { servingFunction } from '../../lib/http/routes.ts'
import type { HttpResponse } from '../../lib/http/wireRequest.ts'
import type { TestCloudOptions } from './testCloudOptions.ts'
import { newOcid, realm } from '../../lib/kms/ocid.ts'
import type { QueueName, Queues } from '../../lib/kms/ports.ts'
import { composeRegion, type Runtime } from '../../lib/runtime/composeRegion.ts'
import { GroupedAuditSink } from '../../lib/runtime/groupedAuditSink.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { provisionTenancy } from '../../lib/runtime/provisionTenancy.ts'
import { createBackupStore } from '../../lib/store/backups/backupStore.ts'
import { memoryRoot } from '../../lib/store/backups/memoryRoot.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

export const regionA = 'us-ashburn-1'
export const regionB = 'us-phoenix-1'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

export interface TestRegion {
  readonly runtime: Runtime
  readonly store: SqliteRegionStore
  readonly hsm: SoftwareHsm
}

export interface Answered {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly list: readonly Record<string, unknown>[]
  readonly headers: Record<string, string>
  /** The body as it came. */
  readonly text: string
}

export interface TestCloud {
  readonly a: TestRegion
  readonly b: TestRegion
  readonly tenancyId: string
  /** The objects of the backups' root, by path. */
  readonly backups: Map<string, string>
  /** Links between regions: down, they refuse every message; `sent` shows what went over them. */
  readonly link: { isUp: boolean; isStuck: boolean; sent: { to: string; queue: QueueName; body: string }[] }
  readonly clock: { now: number }
  readonly call: (
    region: TestRegion,
    method: string,
    target: string,
    body?: unknown,
    options?: CallOptions,
  ) => Promise<Answered>
  /** Another tenancy in the same cloud, with an administrator of its own. */
  readonly addTenancy: () => Promise<{ tenancyId: string; call: TestCloud['call'] }>
  /** Runs the streams and queues until nothing is left to do, or `rounds` have passed. */
  readonly settle: (rounds?: number) => Promise<void>
  /** Runs what has fallen due in both regions. */
  readonly fallDue: () => Promise<void>
  readonly close: () => void
}

export interface CallOptions {
  readonly host?: string
  readonly headers?: Record<string, string>
}

/** Two regions over the real functions, in memory, whose streams and queues run only when a test says so. */
export async function twoRegions(options: TestCloudOptions = {}): Promise<TestCloud> {
  const clock = { now: Date.now() }
  const link: TestCloud['link'] = { isUp: true, isStuck: false, sent: [] }
  const tenancyId = newOcid(randomBytes, 'tenancy')
  const stores = new Map<string, SqliteRegionStore>()
  const log = jsonLogger((line) => process.stderr.write(`${line}\n`), options.logLevel ?? 'silent')
  const objects = new Map<string, string>()
  const backups = createBackupStore({ root: memoryRoot(objects), allowedHosts: [], maxBytes: 1_000_000 })
  const open = (region: string): TestRegion => {
    const store = openSqliteRegionStore({ file: ':memory:', clock: () => clock.now, newId: randomUUID })
    stores.set(region, store)
    const hsm = openSoftwareHsm({ region, realm })
    const queues: Queues = {
      send: async (to, messages) => {
        if (to.region !== region && link.isStuck) await new Promise(() => undefined)
        if (to.region !== region && link.isStuck) await new Promise(() => undefined)
        if (to.region !== region && !link.isUp) throw new Error(`${to.region} is unreachable`)
        if (to.region !== region)
          link.sent.push(...messages.map(({ body }) => ({ to: to.region, queue: to.name, body })))
        await stores.get(to.region)?.queues.send(to.name, messages)
      },
    }
    const audit = new GroupedAuditSink(store.tables, { flushMs: 5, recordsCrypto: true, log })
    const runtime = composeRegion({
      region,
      homeRegion: regionA,
      regions: [regionA, regionB],
      tables: store.tables,
      queues,
      hsm,
      endpoints: {
        of: async ({ id }, of) => ({ management: `http://${of}/${id}`, crypto: `http://${of}/${id}` }),
        regions: [regionA, regionB],
      },
      vaultAt: (host) => (host.startsWith('ocid1.vault') ? host : undefined),
      clock: () => clock.now,
      random: randomBytes,
      log,
      keyCacheMs: options.keyCacheMs ?? 0,
      handOff: { isStrict: options.isStrict ?? false, budgetMs: 1000 },
      audit,
      requiresServicePolicy: true,
      preparesKeys: options.preparesKeys ?? false,
      rateLimits: options.rateLimits ?? null,
      serviceLimits: options.serviceLimits ?? null,
      maxFileBytes: 1_000_000,
      backups,
    })
    return { runtime, store, hsm }
  }
  const a = open(regionA)
  const b = open(regionB)
  const keyIds = new Map<string, string>()
  const addTenancy = async (id: string) => {
    const root = a.hsm.createTenancyRoot(id)
    for (const { hsm } of [a, b])
      await hsm.acceptStatement(root, a.hsm.issueStatement(id, hsm.region, hsm.identityPublicKey))
    const userId = newOcid(randomBytes, 'user')
    const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }) as string
    await provisionTenancy(a.runtime, {
      tenancyId: id,
      tenancyName: 'test',
      administrator: { userId, name: 'admin', publicKeyPem },
    })
    keyIds.set(id, `${id}/${userId}/${fingerprint(createPublicKey(privateKey))}`)
  }
  await addTenancy(tenancyId)
  const callAs =
    (id: string): TestCloud['call'] =>
    (region, method, target, body, callOptions = {}) =>
      call(region, keyIds.get(id) ?? '', (clock.now += 1), method, target, body, callOptions)
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
    fallDue: async () => {
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

const functions = {
  vault: vaultFunction,
  keys: keysFunction,
  crypto: cryptoFunction,
  identity: identityFunction,
  audit: auditFunction,
}

async function call(
  { runtime }: TestRegion,
  keyId: string,
  now: number,
  method: string,
  target: string,
  body: unknown,
  { host = 'region', headers = {} }: CallOptions,
): Promise<Answered> {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const signed: Record<string, string> = {
    date: new Date(now).toUTCString(),
    '(request-target)': `${method.toLowerCase()} ${target}`,
    host,
  }
  if (method !== 'GET' && method !== 'DELETE') {
    signed['content-length'] = String(Buffer.byteLength(text))
    signed['content-type'] = 'application/json'
    signed['x-content-sha256'] = createHash('sha256').update(text).digest('base64')
  }
  const names = Object.keys(signed)
  const signature = signBytes(
    'sha256',
    Buffer.from(names.map((name) => `${name}: ${signed[name] ?? ''}`).join('\n')),
    privateKey,
  ).toString('base64')
  const authorization = `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names.join(' ')}",signature="${signature}"`
  const { '(request-target)': _target, ...sent } = signed
  const [rawPath = '', rawQueryString = ''] = target.split('?')
  const serves = servingFunction(method, rawPath)
  const response: HttpResponse = await functions[serves](runtime)({
    rawPath,
    rawQueryString,
    headers: { ...sent, ...headers, authorization },
    ...(text === '' ? {} : { body: text }),
    isBase64Encoded: false,
    requestContext: { http: { method, sourceIp: '127.0.0.1' } },
  })
  const isJson = response.headers['content-type'] === 'application/json' && response.body !== ''
  const value: unknown = isJson ? JSON.parse(response.body) : {}
  const isList = Array.isArray(value)
  return {
    status: response.statusCode,
    text: response.body,
    body: (isList ? {} : value) as Record<string, unknown>,
    list: (isList ? value : []) as readonly Record<string, unknown>[],
    headers: response.headers,
  }
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
    outcome: acknowledgeFunction(runtime),
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
