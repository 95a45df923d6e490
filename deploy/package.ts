import { buildBundles } from './build.ts'
import { command, options } from './commandLine.ts'
import { packageTemplates } from './packageTemplates.ts'
import { requireParameters } from './parameters.ts'

/** `npm run package`: the bundles, and each region's template in .build/templates/{region}. Needs no account and no network. */
await command(async () => {
  const given = options(['stage', 'regions', 'home', 'domain', 'hosted-zone', 'to'])
  const example = { stage: 'dev', regions: 'us-east-1,us-west-2', domain: 'example.com' }
  const parameters = requireParameters({ ...example, ...given })
  await buildBundles()
  for (const file of await packageTemplates(parameters, given.to ?? '.build/templates')) console.log(file)
})
