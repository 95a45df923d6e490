import { UserError } from '../../lib/userError.ts'
import type { SessionFlags } from '../calls/openSession.ts'
import { dataFlag, type CommandRow } from './command.ts'

export const session: CommandRow = {
  name: 'session',
  does: 'Makes a session of at most an hour, by an API key or by an OIDC token, and writes a profile that SDKs sign with (docs/sign-in.md).',
  build: (command) => {
    command
      .option(...dataFlag)
      .option('--endpoint <URL>', "a region's endpoint, where the service is not on this machine")
      .option('--config-file <FILE>', 'whose API key signs: an OCI configuration file')
      .option('--profile <NAME>', 'which profile of that file', 'DEFAULT')
      .option('--oidc-token-file <FILE>', 'in place of an API key: a token of an issuer that the tenancy trusts')
      .option('--tenancy <OCID>', 'with --oidc-token-file, where the service is not on this machine')
      .option('--region <NAME>', "the region's name, where the service is not on this machine")
      .option('--minutes <NUMBER>', 'how long, 1 to 60', minutesOf, 60)
      .option('--out <DIR>', 'where profile, key and token are written (default: DIR/oci/session)')
      .action(async (flags: SessionFlags) => {
        const { openSession } = await import('../calls/openSession.ts')
        const { config, timeExpires, principal } = await openSession(flags)
        console.error(`A session of ${principal} until ${timeExpires}. With OCI's CLI: --auth security_token.`)
        console.log(`export OCI_CONFIG_FILE=${config} OCI_CLI_CONFIG_FILE=${config}`)
      })
  },
}

function minutesOf(text: string): number {
  const minutes = Number(text)
  if (text !== '' && minutes >= 1 && minutes <= 60) return minutes
  throw new UserError('--minutes takes a number, 1 to 60.')
}
