import { isIP } from 'node:net'
import { UserError } from '../../lib/userError.ts'
import type { Hosts } from '../control/hostsCommand.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'
import { parseJson } from '../../lib/parseJson.ts'

interface HostsFlags extends DataFlag {
  readonly address?: string
}

export const hosts: CommandRow = {
  name: 'hosts',
  does: 'Prints the lines for /etc/hosts that lead to a running cloud with names: its regions and every vault.',
  build: (command) => {
    command
      .option(...dataFlag)
      .option('--address <IP>', 'where the cloud is seen from the machine with that file', addressOf)
      .addHelpText('after', '\nRun it again after a new vault.')
      .action(async ({ data, address }: HostsFlags) => {
        const { askService } = await import('../control/askService.ts')
        const { hostsText } = await import('../names/hostsText.ts')
        console.log(hostsText(parseJson(await askService(data, 'hosts')) as Hosts, address))
      })
  },
}

function addressOf(text: string): string {
  if (isIP(text) === 0) throw new UserError('--address takes an IP address.')
  return text
}
