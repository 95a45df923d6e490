import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { options } from './commandLine.ts'
import { invokeProvision, requireDeployed } from './invokeProvision.ts'
import { requireParameters } from './parameters.ts'
import { addProfile, profileText } from './profile.ts'
import { provisionTenancy } from './provisionTenancy.ts'
import { UserError, messageOf } from '../lib/userError.ts'
import { runCommand } from '../local/runCommand.ts'

/**
 * `npm run provision -- --stage S --regions a,b --public-key FILE --name N [--output FILE]`: a tenancy with its administrator. Who may
 * invoke the provision functions decides whom the regions trust (docs/deploy.md). May be repeated.
 */
await runCommand(async () => {
  const given = options('provision', 'Makes a tenancy with its administrator in all regions; may be repeated.', [
    'stage',
    'regions',
    'home',
    'public-key',
    'name',
    'key-file',
    'output',
  ])
  const name = required(given.name, 'name', 'acme')
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) throw new UserError('--name takes a-z, 0-9 and -, at most 63.')
  const publicKeyPem = readPublicKey(required(given['public-key'], 'public-key', 'administrator.pub.pem'))
  const parameters = requireParameters({ ...given, domain: 'example.com' })
  await requireDeployed(parameters)
  const { regions, homeRegion, stage } = parameters
  const at = (region: string) => invokeProvision(region, stage)
  const { tenancyId, userId, fingerprint, trustRoot } = await provisionTenancy(
    { regions, homeRegion, at },
    { name, publicKeyPem },
  )
  console.error(`The tenancy's root, to check proofs of arrival with:\n${trustRoot}`)
  const profile = { name, tenancyId, userId, fingerprint, region: homeRegion, keyFile: given['key-file'] }
  if (given.output === undefined) {
    console.log(profileText(profile))
    return
  }
  addProfile(given.output, profile)
  console.log(`Profile [${name}] is in ${given.output}.`)
})

function readPublicKey(file: string): string {
  try {
    const key = createPublicKey(readFileSync(file))
    if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) {
      throw new Error('it is no RSA key of 2048 bits or more')
    }
    return key.export({ type: 'spki', format: 'pem' }).toString()
  } catch (cause) {
    throw new UserError(`The public key ${file} cannot be used: ${messageOf(cause)}.`)
  }
}

function required(value: string | undefined, name: string, example: string): string {
  if (value !== undefined && value !== '') return value
  throw new UserError(`--${name} is missing; give one, for example --${name} ${example}.`)
}
