import { readCommandLine } from './commandLine.ts'
import { dataFlag } from './dataFlag.ts'
import { askFaultServer } from './faultServer.ts'
import { UserError } from '../lib/userError.ts'
import { typed } from './typed.ts'
import { runCommand } from './runCommand.ts'

await runCommand(async () => {
  const { flags, words } = readCommandLine({
    name: 'faults',
    does: 'Breaks regions of a running cloud on purpose, slows the way between two, moves the clock on, and heals; without words it says how they are.',
    words: '[status | cut|hang|refuse|kill REGION | slow REGION REGION 80ms | clock +8d | heal]',
    flags: { data: dataFlag },
    more: 'cut: nobody reaches it; hang: it takes what comes and never answers; refuse: it answers 503; kill: its process ends with -9.',
  })
  await ask(flags.data, words.join(' ') || 'status')
})

async function ask(directory: string, command: string): Promise<void> {
  const answer = await askFaultServer(directory, command).catch((cause: unknown) => {
    const line = `No Vaultspan service uses ${directory}; start one with ${typed('start')}, or name its directory with --data.`
    throw new UserError(line, { cause })
  })
  if (!answer.startsWith('ok: ')) throw new UserError(answer.replace(/^error: /, ''))
  console.log(answer.slice('ok: '.length))
}
