import { join } from 'node:path'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { ItemStatements } from '../../lib/store/sqlite/itemStatements.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { callerOf } from './signedCaller.ts'
import { withDirectory } from './startedService.ts'
import { suiteBase } from './suiteBase.ts'
import { createKey, createVault, replicate, type MadeVault } from './vaultSteps.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

async function inCloud<T>(directory: string, body: (cloud: Cloud) => Promise<T>): Promise<T> {
  const settings = { preparesKeys: false, ...noHurry }
  const port = await suiteBase()
  const cloud = await startCloud({ directory, port, settings, generateRsa: knownRsaPair, isScheduled: false })
  try {
    return await body(cloud)
  } finally {
    await cloud.close()
  }
}

/** Rows of each table that a start reads from the stores of both regions, until nothing is left to do. */
async function rowsReadByStart(directory: string): Promise<ReadonlyMap<string, number>> {
  const rows = new Map<string, number>()
  const count = (table: string, more: number) => rows.set(table, (rows.get(table) ?? 0) + more)
  const statements = ItemStatements.prototype
  const [get, list] = [
    Reflect.get<ItemStatements, 'get'>(statements, 'get'),
    Reflect.get<ItemStatements, 'list'>(statements, 'list'),
  ]
  statements.get = function (...at) {
    count(at[0], 1)
    return get.apply(this, at)
  }
  statements.list = function (...of) {
    const found = list.apply(this, of)
    count(of[0], found.items.length)
    return found
  }
  try {
    await inCloud(directory, (cloud) => cloud.idle())
  } finally {
    Object.assign(statements, { get, list })
  }
  return rows
}

const more = 40

/** Until every region has it identity is asked for again and again, as often as the machine takes. */
function withoutIdentity(rows: ReadonlyMap<string, number>): number {
  return [...rows].reduce((sum, [table, read]) => (table === 'Identity' ? sum : sum + read), 0)
}

test('a start reads no more where the store holds more keys, in the source and in the replica', () =>
  withDirectory(async (parent) => {
    const directory = join(parent, 'data')
    const vault = await inCloud(directory, async (cloud): Promise<MadeVault> => {
      const call = callerOf(cloud)
      const home = cloud.regions.find(({ region }) => region === ashburn)?.endpoint ?? ''
      await call('POST', `${home}/20160918/policies`, {
        compartmentId: cloud.tenancyId,
        name: 'replication',
        description: 'd',
        statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
      })
      const made = await createVault(call, home, cloud.tenancyId)
      await replicate(call, home, made, phoenix)
      await createKey(call, made, cloud.tenancyId)
      await cloud.idle()
      return made
    })
    const before = await rowsReadByStart(directory)
    await inCloud(directory, async (cloud) => {
      for (let made = 0; made < more; made += 1) await createKey(callerOf(cloud), vault, cloud.tenancyId)
      await cloud.idle()
    })
    const after = await rowsReadByStart(directory)
    expect(after.get('Keys')).toBe(before.get('Keys'))
    expect(withoutIdentity(after) - withoutIdentity(before)).toBeLessThan(more / 2)
  }))
