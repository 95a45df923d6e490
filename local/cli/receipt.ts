import { UserError, messageOf } from '../../lib/userError.ts'
import type { CommandRow } from './command.ts'

export const receipt: CommandRow = {
  name: 'receipt',
  does: 'Checks proofs of arrival.',
  build: (command) => {
    command
      .command('verify')
      .description('Checks an answer of GetReplicationReceipt, by itself and offline.')
      .argument('<FILE>', 'the answer')
      .option('--root <FILE>', 'the tenancy’s root; without it the one that the file names is taken')
      .addHelpText(
        'after',
        '\nThe root is a PEM file, a data directory of the service, which holds one, or JSON with a member trustRoot: another proof whose root is believed.',
      )
      .action(async (file: string, { root }: { readonly root?: string }) => {
        const { verifyReceipt } = await import('./verifyReceipt.ts')
        const { failures, says } = await verifyReceipt(file, root).catch((cause: unknown) => {
          throw new UserError(messageOf(cause), { cause })
        })
        if (failures.length > 0) throw new UserError(failures.join('\n'))
        for (const line of says) console.log(line)
      })
  },
}
