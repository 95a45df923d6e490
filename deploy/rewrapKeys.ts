import { options } from './commandLine.ts'
import { invokeProvision, requireDeployed } from './invokeProvision.ts'
import { requireParameters } from './parameters.ts'
import { runCommand } from '../local/runCommand.ts'

/**
 * `npm run rewrap-keys -- --stage S --regions a,b`: what AWS KMS wraps is wrapped anew in all regions, after a rotation of its
 * keys (docs/deploy.md). While everything serves; one that broke off goes on.
 */
await runCommand(async () => {
  const given = options('rewrap-keys', 'Wraps all vaults’ KEKs anew under the keys of AWS KMS as they are now.', [
    'stage',
    'regions',
    'home',
  ])
  const parameters = requireParameters({ ...given, domain: 'example.com' })
  await requireDeployed(parameters)
  for (const region of parameters.regions) {
    const ask = invokeProvision(region, parameters.stage)
    for (let isDone = false; !isDone;) {
      const progress = await ask({ step: 'rewrapKeys' })
      isDone = progress.isDone
      console.log(`${region}: ${progress.rewrapped} vaults${isDone ? ', all that there are' : ''}.`)
    }
  }
})
