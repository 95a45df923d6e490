import { readCommandLine } from './commandLine.ts'
import { dataFlag } from './dataFlag.ts'
import { resetAdministrator } from './resetAdministrator.ts'
import { runCommand } from './runCommand.ts'

await runCommand(async () => {
  const { data } = readCommandLine({
    name: 'reset-administrator',
    does: 'Makes a new key for the administrator of a cloud that is not running; all their other keys stop working.',
    flags: { data: dataFlag },
  }).flags
  console.log(
    `The administrator has a new key, ${await resetAdministrator(data)}: ${data}/oci/config. Start the service again.`,
  )
})
