import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { options } from './commandLine.ts'
import { deployedWith, prefixOf } from './deployed.ts'
import { reservedForCrypto, requireParameters } from './parameters.ts'
import { copyTables } from './putBack/copyTables.ts'
import { recoverTables } from './putBack/recoverTables.ts'
import { startFunctions, stopFunctions } from './putBack/switchFunctions.ts'
import { UserError } from '../lib/userError.ts'
import { runCommand } from '../local/runCommand.ts'

interface Place {
  readonly prefix: string
  readonly stage: string
  readonly regions: readonly string[]
  readonly homeRegion: string
  readonly region: string
  readonly suffix: string
}

const steps = {
  stop: async ({ region, prefix }: Place) => {
    await stopFunctions(region, prefix)
    console.log(`${region} does not serve any more. What is running ends within a minute: wait for it before you copy.`)
  },
  copy: async ({ region, prefix, suffix }: Place) => {
    for (const { table, put, deleted } of await copyTables(new DynamoDBClient({ region }), { prefix, suffix }))
      console.log(`${prefix}-${table} is ${prefix}-${table}${suffix} now: ${put} rows put, ${deleted} deleted.`)
  },
  recover: async (place: Place) => {
    console.log(await recoverTables(place))
  },
  start: async ({ region, prefix, stage }: Place) => {
    await startFunctions(region, prefix, reservedForCrypto({ stage }))
    console.log(`${region} serves again.`)
  },
}

/** `npm run put-back -- --do STEP --stage S --regions a,b --region R`: a region whose tables are restored (docs/deploy.md). */
await runCommand(async () => {
  const given = options(
    'put-back',
    'Brings a region back whose tables were restored to an older point in time; each step may be repeated.',
    ['do', 'stage', 'regions', 'home', 'region', 'suffix'],
  )
  const parameters = requireParameters({ ...given, domain: 'example.com' })
  const { regions, homeRegion, stage } = parameters
  const { region = '', suffix = '-put-back', do: step = '' } = given
  if (!regions.includes(region)) throw new UserError(`--region names one of --regions ${regions.join(',')}.`)
  if (!Object.hasOwn(steps, step)) throw new UserError(`--do names one of ${Object.keys(steps).join(', ')}.`)
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(suffix)) throw new UserError('--suffix is what a table’s name may end with.')
  if ((await deployedWith(region, parameters)) === undefined)
    throw new UserError(`Stage ${stage} is not deployed in ${region}.`)
  const prefix = prefixOf(parameters)
  await steps[step as keyof typeof steps]({ prefix, stage, regions, homeRegion, region, suffix })
})
