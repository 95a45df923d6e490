import { UserError } from '../../lib/userError.ts'
import type { CloudStatus } from '../status/cloudStatus.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'
import { parseJson } from '../../lib/parseJson.ts'

interface StatusFlags extends DataFlag {
  readonly json?: boolean
  readonly watch?: boolean
  readonly every: number
}

export const status: CommandRow = {
  name: 'status',
  does: 'Says of a running cloud how its regions, vaults, links and queues are, what is at risk and what wants a person.',
  build: (command) => {
    command
      .option(...dataFlag)
      .option('--json', 'for programs: one line')
      .option('--watch', 'again and again, until Ctrl-C')
      .option('--every <SECONDS>', 'with --watch', secondsOf, 2)
      .addHelpText(
        'after',
        '\nThe exit code is 1 where a region does not serve: its process or its HSM does not answer, or it is broken on purpose.',
      )
      .action(async ({ data, json: isJson = false, watch: isWatched = false, every }: StatusFlags) => {
        const { askService } = await import('../control/askService.ts')
        const { areAllServing, statusText } = await import('../status/statusText.ts')
        for (;;) {
          const answer = await askService(data, 'state')
          const text = isJson ? answer : statusText(parseJson(answer) as CloudStatus)
          // A terminal shows the latest alone; a file keeps them all.
          console.log(isWatched && !isJson && process.stdout.isTTY ? `\u001b[2J\u001b[H${text}` : text)
          if (!isWatched) {
            if (!areAllServing(parseJson(answer) as CloudStatus)) process.exitCode = 1
            return
          }
          await new Promise((resolve) => setTimeout(resolve, every * 1000))
        }
      })
  },
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (text !== '' && seconds > 0 && seconds <= 3600) return seconds
  throw new UserError('--every takes a number of seconds, at most 3600.')
}
