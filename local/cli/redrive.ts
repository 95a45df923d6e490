import type { DeadLetters } from '../region/redrive.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'
import { parseJson } from '../../lib/parseJson.ts'

interface RedriveFlags extends DataFlag {
  readonly region?: string
  readonly queue?: string
}

export const redrive: CommandRow = {
  name: 'redrive',
  does: 'Has what a running cloud gave up worked again: messages that failed too often, changes that no try could send.',
  build: (command) => {
    command
      .option(...dataFlag)
      .option('--region <NAME>', 'only in this region')
      .option('--queue <NAME>', 'only of this queue: inbox, outcome, outbox or stream')
      .argument('[list]', 'only says what there is, and why')
      .action(async (word: string | undefined, { data, region = '-', queue = '-' }: RedriveFlags) => {
        if (word !== undefined && word !== 'list') command.error(`The only word is list, not ${word}.`)
        const { askService } = await import('../control/askService.ts')
        const answer = await askService(data, `${word === undefined ? 'redrive' : 'dead'} ${region} ${queue}`)
        console.log(word === undefined ? answer : shown(parseJson(answer) as readonly DeadLetters[]))
      })
  },
}

function shown(letters: readonly DeadLetters[]): string {
  if (letters.length === 0) return 'nothing is dead'
  return letters.map(({ region, queue, what, reason }) => `${region} ${queue}: ${what}: ${reason}`).join('\n')
}
