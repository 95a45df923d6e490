import { options } from './commandLine.ts'
import { packageTemplates } from './packageTemplates.ts'
import { exampleParameters, requireParameters } from './parameters.ts'
import { runCommand } from '../local/runCommand.ts'

/** `npm run package`: the bundles, and each region's template in .build/templates/{region}. Needs no account and no network. */
await runCommand(async () => {
  const given = options('package', 'Bundles, and each region’s template; needs no account and no network.', [
    'stage',
    'regions',
    'home',
    'domain',
    'hosted-zone',
    'to',
  ])
  const parameters = requireParameters({ ...exampleParameters, ...given })
  for (const file of await packageTemplates(parameters, given.to ?? '.build/templates')) console.log(file)
})
