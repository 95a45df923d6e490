import { dataFlag, type CommandRow, type DataFlag } from './command.ts'

export const resetAdministrator: CommandRow = {
  name: 'reset-administrator',
  does: 'Makes a new key for the administrator of a cloud that is not running, and puts back their group and policy; their other keys stop working.',
  build: (command) => {
    command.option(...dataFlag).action(async ({ data }: DataFlag) => {
      const { resetAdministrator: reset } = await import('../cloud/resetAdministrator.ts')
      console.log(`The administrator has a new key, ${await reset(data)}: ${data}/oci/config. Start the service again.`)
    })
  },
}
