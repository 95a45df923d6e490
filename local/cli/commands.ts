import { audit } from './audit.ts'
import type { CommandRow } from './command.ts'
import { rootCommand, type CommandLine } from './commandLine.ts'
import { doctor } from './doctor.ts'
import { faults } from './faults.ts'
import { hosts } from './hosts.ts'
import { hsm } from './hsm.ts'
import { region } from './region.ts'
import { policy } from './policy.ts'
import { receipt } from './receipt.ts'
import { redrive } from './redrive.ts'
import { resetAdministrator } from './resetAdministrator.ts'
import { restore } from './restore.ts'
import { session } from './session.ts'
import { snapshot } from './snapshot.ts'
import { start } from './start.ts'
import { status } from './status.ts'
import { tour } from './tour.ts'

/** Every command, in the order of `vaultspan --help`. A new one is a row here and a script of package.json. */
export const commands: readonly CommandRow[] = [
  start,
  tour,
  hosts,
  status,
  session,
  policy,
  doctor,
  faults,
  redrive,
  region,
  receipt,
  audit,
  snapshot,
  restore,
  hsm,
  resetAdministrator,
]

export function program(): CommandLine {
  const root = rootCommand()
  root.description('A key management service with the API of OCI Vault, whose vaults span regions.')
  for (const { name, does, build } of commands) {
    build(root.command(name).description(does))
  }
  return root.addHelpText(
    'after',
    '\nvaultspan COMMAND --help says more of each. Flags without a command are those of start.',
  )
}
