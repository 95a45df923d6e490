import { rulesOf } from '../../../lib/iam/rulesOf.ts'
import { SoftwareVaultKeys } from '../../../lib/hsm/software/vaultKeys.ts'
import type { Runtime } from '../../../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../../../lib/store/sqlite/openSqliteRegionStore.ts'

/** How often something was done: reads that found something and reads that did not, vaults opened, MACs checked, policies asked. */
export type Work = Readonly<Record<string, number>>

/** Both regions of a cloud, whatever it is served by. */
interface Worked {
  readonly parts: readonly { readonly store: SqliteRegionStore; readonly runtime: Runtime }[]
  readonly tenancyId: string
}

const calls = 5

/**
 * What a call costs where that can be counted, in both regions: of each count the least of several calls. What is done once in
 * a process only adds to it. The heads of the audit are aside: regions tell each other of them every ten seconds, whoever calls.
 */
export async function workOf(cloud: Worked, call: () => Promise<unknown>): Promise<Work> {
  let least = await workOfOne(cloud, call)
  for (let made = 1; made < calls; made += 1) least = lesserOf(least, await workOfOne(cloud, call))
  return least
}

const isOfHeads = (table: string, pk: string) => table === 'Audit' && pk.includes('AuditHead')

function lesserOf(one: Work, other: Work): Work {
  const inBoth = Object.keys(one).filter((what) => what in other)
  return Object.fromEntries(inBoth.map((what) => [what, Math.min(one[what] ?? 0, other[what] ?? 0)]))
}

async function workOfOne({ parts, tenancyId }: Worked, call: () => Promise<unknown>): Promise<Work> {
  const work: Record<string, number> = {}
  const count = (what: string) => {
    work[what] = (work[what] ?? 0) + 1
  }
  const restore: (() => void)[] = []
  const wrap = <T extends object, K extends keyof T>(of: T, name: K, wrapped: T[K]) => {
    const own = Object.getOwnPropertyDescriptor(of, name)
    Object.defineProperty(of, name, { configurable: true, writable: true, value: wrapped })
    restore.push(() => {
      if (own === undefined) Reflect.deleteProperty(of, name)
      else Object.defineProperty(of, name, own)
    })
  }
  const keys = SoftwareVaultKeys.prototype
  const isRowMac = Reflect.get(keys, 'isRowMac', keys)
  wrap(keys, 'isRowMac', function (this: SoftwareVaultKeys, ...asked) {
    count('a MAC checked')
    return isRowMac.apply(this, asked)
  })
  for (const { store, runtime } of parts) {
    const { tables } = store
    const get = tables.get.bind(tables)
    wrap(tables, 'get', async (table, pk, sk) => {
      const found = await get(table, pk, sk)
      if (!isOfHeads(table, pk)) count(found === undefined ? 'a row missed' : 'a row read')
      return found
    })
    const query = tables.query.bind(tables)
    wrap(tables, 'query', (...asked) => {
      if (!isOfHeads(asked[0], asked[1])) count('rows queried')
      return query(...asked)
    })
    const { hsm } = runtime
    const openVault = hsm.openVault.bind(hsm)
    wrap(hsm, 'openVault', (context, wrapped) => {
      count('a vault opened')
      return openVault(context, wrapped)
    })
    const { tree } = rulesOf(await runtime.identity.tenancy(tenancyId), tenancyId)
    const ancestors = tree.ancestors.bind(tree)
    wrap(tree, 'ancestors', (id) => {
      count('policies asked')
      return ancestors(id)
    })
  }
  try {
    await call()
  } finally {
    for (const undo of restore) undo()
  }
  return work
}
