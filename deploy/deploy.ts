import { buildBundles } from './build.ts'
import { command, options } from './commandLine.ts'
import { requireFits } from './deployed.ts'
import { ParameterError, requireParameters, type Parameters } from './parameters.ts'
import { runServerless } from './runServerless.ts'

/** `npm run deploy -- --stage S --regions a,b --domain D`: region after region, the home region first; may be repeated. */
await command(async () => {
  const parameters = requireParameters(options(['stage', 'regions', 'home', 'domain', 'hosted-zone']))
  await requireFits(parameters)
  await buildBundles()
  const order = homeFirst(parameters)
  for (const [index, region] of order.entries()) {
    console.log(`\n[${index + 1}/${order.length}] ${region}${region === parameters.homeRegion ? ' (home region)' : ''}`)
    if (!(await runServerless('deploy', region, parameters))) throw failedIn(region, order.slice(0, index))
  }
  console.log(`\nDeployed to ${order.join(', ')}. Next: npm run provision (docs/deploy.md).`)
})

export function homeFirst({ regions, homeRegion }: Pick<Parameters, 'regions' | 'homeRegion'>): readonly string[] {
  return [homeRegion, ...regions.filter((region) => region !== homeRegion)]
}

function failedIn(region: string, done: readonly string[]): ParameterError {
  const state = done.length === 0 ? 'Nothing is deployed.' : `${done.join(', ')} serves already.`
  return new ParameterError(
    `\n${region} failed; the reason is above. ${state} Put the reason right and run the same command again: regions ` +
      'that are up to date are left as they are.',
  )
}
