import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

export const snapshot: CommandRow = {
  name: 'snapshot',
  does: 'Copies a cloud, running or not, into a new directory: all regions as they were at one moment.',
  build: (command) => {
    command
      .argument('<DIR>', 'where to; empty, or not there yet')
      .option(...dataFlag)
      .addHelpText(
        'after',
        '\nIt holds the HSMs’ roots in plaintext, as the data directory does: keep it as you keep that one.',
      )
      .action(async (folder: string, { data }: DataFlag) => {
        const { takeSnapshot } = await import('../snapshot/takeSnapshot.ts')
        const { files, marks, takenAt } = await takeSnapshot(data, folder)
        const bytes = files.reduce((sum, each) => sum + each.bytes, 0)
        console.log(
          `${folder}: ${Object.keys(marks).join(', ')} as of ${takenAt}; ${files.length} files, ${bytes} bytes.`,
        )
      })
  },
}
