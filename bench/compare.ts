import { CommandLine } from '../local/cli/commandLine.ts'
import { runCommand } from '../local/runCommand.ts'
import { UserError } from '../lib/userError.ts'
import { reconcile } from '../lib/replication/reconcile.ts'
import { plantKeys } from '../test/harness/manyKeys.ts'
import { twoRegions, type TestCloud } from '../test/harness/twoRegions.ts'
import { makeReplicatedVault } from '../test/harness/vaultStory.ts'

/** The time of both regions together, ms: of the clock, and of the processor, which a busy machine does not stretch. */
async function measured(work: () => Promise<void>): Promise<string> {
  const [startedAt, before] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(before)
  return `${(performance.now() - startedAt).toFixed(0)} ms (${((user + system) / 1000).toFixed(0)} ms of processor time)`
}

async function compare(cloud: TestCloud): Promise<void> {
  await reconcile(cloud.a.runtime)
  await cloud.settle()
}

/** `npm run bench:compare -- 100000`: a comparison of a vault with so many keys with its replica, both in memory. */
await runCommand(async () => {
  const command = new CommandLine('bench:compare')
    .description('Measures a comparison of a vault with its replica, equal and with one key changed.')
    .argument('[KEYS]', 'how many keys the vault has', '100000')
  const [text = ''] = command.parse().processedArgs as readonly string[]
  if (!/^[1-9]\d{0,7}$/.test(text))
    throw new UserError(`${text} is no number of keys. Run npm run bench:compare -- --help.`)
  await compareVaults(Number(text))
})

async function compareVaults(keys: number): Promise<void> {
  const cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  const [keyId = ''] = await plantKeys(cloud, vaultId, keys)
  console.log(`A comparison of two vaults with ${keys} keys`)
  console.log(`  equal: ${await measured(() => compare(cloud))} (limit 1000 ms)`)
  cloud.link.isUp = false
  await cloud.call(cloud.a, 'PUT', `/20180608/keys/${keyId}`, { displayName: 'changed' }, { host: vaultId })
  const { tables } = cloud.a.store
  await tables.trimChanges((await tables.readChanges(0, 1000)).at(-1)?.seq ?? 0)
  cloud.link.isUp = true
  console.log(`  one key changed, found and sent: ${await measured(() => compare(cloud))}`)
  const there = await cloud.call(cloud.b, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId })
  if (there.body['displayName'] !== 'changed') throw new Error('The changed key was not found.')
  cloud.close()
}
