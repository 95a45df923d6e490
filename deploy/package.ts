import { buildBundles } from './build.ts'
import { command, options } from './commandLine.ts'
import { ParameterError, requireParameters } from './parameters.ts'
import { runServerless } from './runServerless.ts'

/** `npm run package`: the bundles, and each region's template in .build/templates/{region}. Needs no account and no network. */
await command(async () => {
  const given = options(['stage', 'regions', 'home', 'domain', 'hosted-zone', 'to'])
  const example = { stage: 'dev', regions: 'us-east-1,us-west-2', domain: 'example.com' }
  const parameters = requireParameters({ ...example, ...given })
  await buildBundles()
  for (const region of parameters.regions) {
    const directory = `${given.to ?? '.build/templates'}/${region}`
    if (!(await runServerless('package', region, parameters, ['--package', directory]))) {
      throw new ParameterError(`The template of ${region} could not be made; the reason is above.`)
    }
    console.log(`${directory}/cloudformation-template-update-stack.json`)
  }
})
