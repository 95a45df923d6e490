import { options } from './commandLine.ts'
import { deployedWith, requireFits } from './deployed.ts'
import { protectsTables, requireParameters, type Parameters } from './parameters.ts'
import { params, runServerless } from './runServerless.ts'
import { UserError } from '../lib/userError.ts'
import { runCommand } from '../local/runCommand.ts'

/** `npm run deploy -- --stage S --regions a,b --domain D`: region after region, the home region first; may be repeated. */
await runCommand(async () => {
  const parameters = requireParameters(
    options('deploy', 'Deploys region after region, the home region first; may be repeated.', [
      'stage',
      'regions',
      'home',
      'domain',
      'hosted-zone',
    ]),
  )
  await requireFits(parameters)
  const order = homeFirst(parameters)
  for (const [index, region] of order.entries()) {
    console.log(`\n[${index + 1}/${order.length}] ${region}${region === parameters.homeRegion ? ' (home region)' : ''}`)
    if (!(await deployRegion(region, parameters))) throw failedIn(region, order.slice(0, index))
  }
  console.log(`\nDeployed to ${order.join(', ')}. Next: npm run provision (docs/deploy.md).`)
})

export function homeFirst({ regions, homeRegion }: Pick<Parameters, 'regions' | 'homeRegion'>): readonly string[] {
  return [homeRegion, ...regions.filter((region) => region !== homeRegion)]
}

/**
 * A stack that does not stand yet is made before its tables are protected from deletion: where making it fails,
 * CloudFormation takes back what it made, and the repetition finds nothing in its way.
 */
async function deployRegion(region: string, parameters: Parameters): Promise<boolean> {
  if ((await deployedWith(region, parameters)) !== undefined) return runServerless('deploy', region, parameters)
  const isMade = await runServerless('deploy', region, parameters, params({ first: 'yes' }))
  return isMade && (!protectsTables(parameters) || (await runServerless('deploy', region, parameters)))
}

function failedIn(region: string, done: readonly string[]): UserError {
  const state = done.length === 0 ? 'Nothing is deployed.' : `${done.join(', ')} serves already.`
  return new UserError(
    `\n${region} failed; the reason is above. ${state} Put the reason right and run the same command again: regions ` +
      'that are up to date are left as they are.',
  )
}
