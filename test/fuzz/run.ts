import { CommandLine } from '../../local/cli/commandLine.ts'
import { runCommand } from '../../local/runCommand.ts'
import { UserError } from '../../lib/userError.ts'
import { fuzz } from './fuzz.ts'
import { fuzzStage } from './stage.ts'

interface Flags {
  readonly requests: number
  readonly seed: number
  readonly from: number
}

const maxShown = 5

/** `npm run fuzz`: ends with an error where a request is taken for what nobody signed, crashes, or answers 5xx. */
await runCommand(async () => {
  const command = new CommandLine('fuzz')
    .description("Changes signed requests of each client's form and sends them to the real functions.")
    .option('--requests <N>', 'how many', wholeNumber, 20_000)
    .option('--seed <N>', 'the same seed changes the same', wholeNumber, 1)
    .option('--from <N>', 'begins with this one of them: a failure prints its number', wholeNumber, 0)
  command.parse()
  const { requests, seed, from } = command.opts<Flags>()
  const stage = await fuzzStage()
  const began = performance.now()
  const { accepted, strict, failures } = await fuzz(stage, seed, requests, from)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  stage.close()
  for (const { index, what, changes, said, sent } of failures.slice(0, maxShown)) {
    console.error(
      `${what}: ${said}; npm run fuzz -- --seed ${seed} --from ${index} --requests 1; ${changes.join(', ')}`,
    )
    console.error(JSON.stringify({ ...sent, body: sent.body.toString('latin1') }))
  }
  console.log(
    `${requests} requests in ${seconds} s, seed ${seed}: ${failures.length} failures; ${accepted} said what was signed and were accepted, ${strict} of those were refused`,
  )
  if (failures.length > 0) throw new UserError('A request was not refused as it must be.')
})

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UserError(`${text} is no whole number. Run npm run fuzz -- --help.`)
}
