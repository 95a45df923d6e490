import { readCommandLine } from './commandLine.ts'
import { dataFlag } from './dataFlag.ts'
import { askService } from './askService.ts'
import { runCommand } from './runCommand.ts'

await runCommand(async () => {
  const { flags, words } = readCommandLine({
    name: 'faults',
    does: 'Breaks regions of a running cloud on purpose, slows the way between two, moves the clock on, and heals; without words it says how they are.',
    words: '[status | cut|hang|refuse|kill REGION | slow REGION REGION 80ms | clock +8d | heal]',
    flags: { data: dataFlag },
    more: 'cut: nobody reaches it; hang: it takes what comes and never answers; refuse: it answers 503; kill: its process ends with -9.',
  })
  console.log(await askService(flags.data, words.join(' ') || 'status'))
})
