import { typed } from '../typed.ts'
import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

export const restore: CommandRow = {
  name: 'restore',
  does: 'Makes a data directory of a snapshot, once every file of it is found to be as it was written.',
  build: (command) => {
    command
      .argument('<DIR>', 'the snapshot')
      .option(...dataFlag)
      .action(async (folder: string, { data }: DataFlag) => {
        const { restoreSnapshot } = await import('../snapshot/restoreSnapshot.ts')
        const { takenAt, isApart, withoutTokens, isToTake } = await restoreSnapshot(folder, data)
        const start = isApart ? typed('region', 'start', '--data', data) : typed('start', '--data', data)
        const take = typed('hsm', 'take', '--data', data)
        const taken = isToTake
          ? `Its tokens are of the directory that the snapshot was taken of. Where that never runs again, take them: ${take} (to try the snapshot beside it: docs/back-up.md).\n`
          : ''
        if (withoutTokens.length === 0) {
          console.log(
            `${data} is the cloud as of ${takenAt}. ${taken}${taken === '' ? 'Start' : 'Then start'} it: ${start}`,
          )
          return
        }
        const next = typed('hsm', 'restore', 'BACKUP', '--data', data, '--share', 'FILE', 'FILE')
        console.log(
          `${data} is the cloud as of ${takenAt}, but the tokens of ${withoutTokens.join(' and ')} are missing. Next, for each of them: ${next}\n${taken}Then start it: ${start}`,
        )
      })
  },
}
