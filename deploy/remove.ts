import { options } from './commandLine.ts'
import { prefixOf } from './deployed.ts'
import { requireParameters } from './parameters.ts'
import { deleteBackups } from './deleteBackups.ts'
import { deleteData, hsmKeysOf } from './deleteData.ts'
import { runServerless } from './runServerless.ts'
import { UserError } from '../lib/userError.ts'
import { runCommand } from '../local/runCommand.ts'

/** `npm run remove -- --stage S --regions a,b`: the stacks go, the home region's last; tables, backups and their keys stay. */
await runCommand(async () => {
  const given = options(
    'remove',
    'Removes the stacks; tables, backups and their keys stay unless --delete-data is given.',
    ['stage', 'regions', 'home', 'delete-data'],
  )
  // A stack is removed by its name; what it was deployed with does not matter.
  const parameters = requireParameters({ ...given, domain: 'example.com' })
  const prefix = prefixOf(parameters)
  const deletes = given['delete-data']
  if (deletes !== undefined && deletes !== prefix) {
    throw new UserError(`To delete every key, table and backup for good, give --delete-data ${prefix}.`)
  }
  const { regions, homeRegion } = parameters
  const order = [...regions.filter((region) => region !== homeRegion), homeRegion]
  for (const [index, region] of order.entries()) {
    console.log(`\n[${index + 1}/${order.length}] ${region}`)
    const keyIds = deletes === undefined ? [] : await hsmKeysOf(region, prefix)
    if (!(await runServerless('remove', region, parameters))) {
      throw new UserError(`\n${region} failed; the reason is above. Put it right and run the same command again.`)
    }
    if (deletes === undefined) continue
    // Before the tables, which refuse a new deployment until everything is gone.
    await deleteBackups(region, prefix)
    await deleteData(region, prefix, keyIds)
  }
  console.log(
    deletes === undefined
      ? `\nRemoved. The tables ${prefix}-*, the bucket of backups and the keys that wrap the HSM's state and the vaults' keys are kept (docs/deploy.md).`
      : '\nRemoved, with all tables and backups; the keys that wrapped the HSMs’ states and the vaults’ keys are deleted in 30 days.',
  )
})
