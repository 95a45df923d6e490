import { readCommandLine } from './commandLine.ts'
import { dataFlag } from './dataFlag.ts'
import { askService } from './askService.ts'
import { deadLetterPlaces, type DeadLetters } from './redrive.ts'
import { UserError } from '../lib/userError.ts'
import { typed } from './typed.ts'
import { runCommand } from './runCommand.ts'

await runCommand(async () => {
  const { flags, words } = readCommandLine({
    name: 'redrive',
    does: 'Has what a running cloud gave up worked again: messages that failed too often, changes that no try could send.',
    words: '[list]',
    flags: {
      data: dataFlag,
      region: { value: 'NAME', says: 'only in this region' },
      queue: { value: deadLetterPlaces.join('|'), says: 'only of this queue' },
    },
    more: 'With the word list it only says what there is, and why.',
  })
  const isList = words.length === 1 && words[0] === 'list'
  if (words.length > 0 && !isList) throw new UserError(`The only word is list. Run ${typed('redrive', '--help')}.`)
  const { data, region = '-', queue = '-' } = flags
  const answer = await askService(data, `${isList ? 'dead' : 'redrive'} ${region} ${queue}`)
  console.log(isList ? shown(JSON.parse(answer) as readonly DeadLetters[]) : answer)
})

function shown(letters: readonly DeadLetters[]): string {
  if (letters.length === 0) return 'nothing is dead'
  return letters.map(({ region, queue, what, reason }) => `${region} ${queue}: ${what}: ${reason}`).join('\n')
}
