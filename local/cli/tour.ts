import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

export const tour: CommandRow = {
  name: 'tour',
  does: 'Walks through the README’s story with Oracle’s own client, against the service that uses DIR or one of its own.',
  build: (command) => {
    command.option(...dataFlag).action(async ({ data }: DataFlag) => {
      const { walkTour } = await import('../tour/walkTour.ts')
      await walkTour(data)
    })
  },
}
