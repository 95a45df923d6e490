import { AsyncLocalStorage } from 'node:async_hooks'
import type { BackupUse, DeployedFunction, KekUse, TableUse } from '../../../deploy/grants.ts'
import { reconcile } from '../../../lib/replication/reconcile.ts'
import type { KeyService } from '../../../lib/aws/kms/keyService.ts'
import { servingFunction } from '../../../lib/http/routes.ts'
import type { BackupStore } from '../../../lib/kms/backup/backupPlace.ts'
import type { QueueName, TableName, Tables, Write } from '../../../lib/ports.ts'
import { GroupedAuditSink } from '../../../lib/kms/groupedAuditSink.ts'
import type { SqliteTables } from '../../../lib/store/sqlite/sqliteTables.ts'
import type { TestCloud, TestRegion } from '../../harness/twoRegions.ts'

/** One use of a port: by which function, where, of what; writes of one call have a number in common. */
export type Use = { readonly by: DeployedFunction; readonly region: string } & (
  | {
      readonly use: TableUse
      readonly table: TableName
      readonly bytes: number
      readonly isIndexed: boolean
      readonly call: number
    }
  | { readonly use: 'send'; readonly queue: QueueName; readonly to: string }
  | { readonly use: 'backup'; readonly action: BackupUse }
  | { readonly use: 'keks'; readonly action: KekUse }
)

const consumers = { inbox: 'apply', outcome: 'outcome', outbox: 'fanOut' } as const

const called = new AsyncLocalStorage<DeployedFunction>()

/** What it uses meanwhile is this function's. */
export function runAs<T>(name: DeployedFunction, work: () => Promise<T>): Promise<T> {
  return called.run(name, work)
}

/** Every use that the functions of a cloud make of their tables and queues, from now on. */
export function recordUses(cloud: TestCloud): Use[] {
  const uses: Use[] = []
  for (const region of [cloud.a, cloud.b]) recordRegion(region, uses)
  const { call } = cloud
  const { runDue, addTenancy } = cloud
  Object.assign(cloud, {
    addTenancy: () => called.run('provision', addTenancy),
    runDue: () => called.run('schedule', runDue),
    reconcile: () =>
      called.run('reconcile', async () => {
        for (let run = 0; run < 20; run += 1) await reconcile(cloud.a.runtime)
      }),
    call: async (...args: Parameters<TestCloud['call']>) => {
      const { audit } = args[0].runtime
      // What others left waiting is theirs: else their timer might write this call's event in their name.
      if (audit instanceof GroupedAuditSink) await audit.flush()
      const serves = servingFunction(args[1], args[2].split('?')[0] ?? '')
      return called.run(serves, async () => {
        const answer = await call(...args)
        // As every invocation does (lib/aws/lambdaFunction.ts).
        if (audit instanceof GroupedAuditSink) await audit.flush()
        return answer
      })
    },
  })
  return uses
}

function recordRegion({ runtime, store, keks }: TestRegion, uses: Use[]): void {
  // The harness feeds one function after another; outside a call from a client it is the one that was fed last.
  let fed: DeployedFunction = 'fanOut'
  const { region, tables, queues, backups } = runtime
  const by = () => called.getStore() ?? fed
  let calls = 0
  const read = (use: TableUse, table: TableName, found: unknown) => {
    uses.push({ by: by(), region, use, table, bytes: sizeOf(found), isIndexed: false, call: (calls += 1) })
  }
  const original = bound(store.tables, ['get', 'query', 'queryIndex', 'scan', 'write', 'advance', 'readChanges'])
  const receive = store.queues.receive.bind(store.queues)
  // DynamoDB takes no item as text: there the audit goes by write.
  Object.assign(tables, { putTexts: undefined })
  Object.assign(store.tables, {
    get: async (...args: Parameters<Tables['get']>) => {
      const item = await original.get(...args)
      read('get', args[0], item)
      return item
    },
    query: async (...args: Parameters<Tables['query']>) => {
      const page = await original.query(...args)
      read('query', args[0], page.items)
      return page
    },
    queryIndex: async (...args: Parameters<Tables['queryIndex']>) => {
      const page = await original.queryIndex(...args)
      read('list', args[0], page.items)
      return page
    },
    scan: async (...args: Parameters<Tables['scan']>) => {
      const page = await original.scan(...args)
      read('scan', args[0], page.items)
      return page
    },
    write: (writes: readonly Write[], writeId?: string) => {
      const call = (calls += 1)
      for (const write of writes) {
        const bytes = write.op === 'put' ? sizeOf(write.item) : 0
        const isIndexed = write.op === 'put' && write.item.gpk !== undefined
        uses.push({ by: by(), region, use: write.op, table: write.table, bytes, isIndexed, call })
      }
      return original.write(writes, writeId)
    },
    advance: (...args: Parameters<Tables['advance']>) => {
      read('advance', 'Requests', undefined)
      return original.advance(...args)
    },
    readChanges: (...args: Parameters<SqliteTables['readChanges']>) => {
      fed = 'fanOut'
      return original.readChanges(...args)
    },
  })
  Object.assign(store.queues, {
    receive: (...args: Parameters<typeof receive>) => {
      fed = consumers[args[0]]
      return receive(...args)
    },
  })
  const saved = bound(backups, ['read', 'write'])
  Object.assign(backups, {
    read: (...args: Parameters<BackupStore['read']>) => {
      uses.push({ by: by(), region, use: 'backup', action: 'read' })
      return saved.read(...args)
    },
    write: (...args: Parameters<BackupStore['write']>) => {
      uses.push({ by: by(), region, use: 'backup', action: 'write' })
      return saved.write(...args)
    },
  })
  const asked = bound(keks, ['decrypt', 'generateDataKey'])
  Object.assign(keks, {
    decrypt: (...args: Parameters<KeyService['decrypt']>) => {
      const isOfBackups = args[1]['vaultspan:vault']?.startsWith('backup.') === true
      uses.push({ by: by(), region, use: 'keks', action: isOfBackups ? 'openBackups' : 'open' })
      return asked.decrypt(...args)
    },
    generateDataKey: (...args: Parameters<KeyService['generateDataKey']>) => {
      uses.push({ by: by(), region, use: 'keks', action: 'make' })
      return asked.generateDataKey(...args)
    },
  })
  const send = queues.send.bind(queues)
  Object.assign(queues, {
    send: (...args: Parameters<typeof send>) => {
      const [{ region: to, name: queue }, messages] = args
      for (const _ of messages) uses.push({ by: by(), region, use: 'send', queue, to })
      return send(...args)
    },
  })
}

function bound<T extends object, N extends keyof T>(target: T, names: readonly N[]): Pick<T, N> {
  return Object.fromEntries(
    names.map((name) => [name, (target[name] as (...args: unknown[]) => unknown).bind(target)]),
  ) as Pick<T, N>
}

function sizeOf(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value))
}
