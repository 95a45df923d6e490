import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

export const faults: CommandRow = {
  name: 'faults',
  does: 'Breaks regions of a running cloud on purpose, slows the way between two, moves the clock on, and heals; without words it says how they are.',
  build: (command) => {
    command
      .argument(
        '[FAULT...]',
        'status, or cut, hang, refuse or kill REGION, or kill or hang REGION WORKER, or slow REGION REGION 80ms, or clock +8d, or heal',
      )
      .option(...dataFlag)
      .addHelpText(
        'after',
        '\ncut: nobody reaches it; hang: it takes what comes and never answers; refuse: it answers 503; kill: its process ends with -9, or one of its threads (0, 1, …) at once; hang with a thread: it stands still until it is found and ended (WORKER_PATIENCE_MS).',
      )
      .action(async (words: readonly string[], { data }: DataFlag) => {
        const { askService } = await import('../control/askService.ts')
        console.log(await askService(data, words.join(' ') || 'status'))
      })
  },
}
