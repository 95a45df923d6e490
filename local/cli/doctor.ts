import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

export const doctor: CommandRow = {
  name: 'doctor',
  does: 'Looks at a cloud, running or not, and its machine, changes nothing, and says of what is not right how to mend it.',
  build: (command) => {
    command
      .option(...dataFlag)
      .addHelpText('after', '\nEach line is ok, warn or fail; the exit code is 1 where one is fail.')
      .action(async ({ data }: DataFlag) => {
        const { examine } = await import('../doctor/examine.ts')
        const { findingText } = await import('../doctor/finding.ts')
        const findings = await examine(data)
        for (const finding of findings) console.log(findingText(finding))
        if (findings.some(({ level }) => level === 'fail')) process.exitCode = 1
      })
  },
}
