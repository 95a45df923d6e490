import type { ExplainFlags } from '../calls/explain.ts'
import { dataFlag, type CommandRow } from './command.ts'

export const policy: CommandRow = {
  name: 'policy',
  does: 'Says why a user may do something, or what is missing (docs/policies.md).',
  build: (command) => {
    command
      .command('explain')
      .description(
        'The statements that let a user do something, or the one that is missing; asked as an administrator.',
      )
      .option(...dataFlag)
      .requiredOption('--user <USER>', 'whom it is about: a name or an OCID')
      .requiredOption('--operation <NAME>', 'what they would do: Encrypt, CreateKey, …')
      .option('--key <OCID>', 'with which key')
      .option('--vault <OCID>', 'or with which vault')
      .option('--compartment <OCID>', 'or in which compartment; of itself: in the tenancy')
      .option('--endpoint <URL>', "a region's endpoint, where the service is not on this machine")
      .option('--config-file <FILE>', 'whose API key signs: an OCI configuration file')
      .option('--profile <NAME>', 'which profile of that file', 'DEFAULT')
      .option('--json', 'for programs')
      .action(async ({ json: isJson = false, ...flags }: ExplainFlags & { readonly json?: boolean }) => {
        const { explained, explanationText } = await import('../calls/explain.ts')
        const answer = await explained(flags)
        console.log(isJson ? JSON.stringify(answer) : explanationText(answer))
      })
  },
}
