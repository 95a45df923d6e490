import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { CommandLine } from '../local/cli/commandLine.ts'
import { runCommand } from '../local/runCommand.ts'
import { buildPackage } from './build.ts'

/** `npm run pack`: the package as a file that `npm install` takes. */
await runCommand(async () => {
  const command = new CommandLine('pack')
    .description(
      'Makes the package vaultspan-VERSION.tgz: the host and startVaultspan, with nothing to install beside it.',
    )
    .option('--to <DIR>', 'where it is put', '.')
  const { to } = command.parse().opts<{ readonly to: string }>()
  const directory = await buildPackage()
  mkdirSync(to, { recursive: true })
  const words = ['pack', directory, '--pack-destination', to, '--silent']
  console.log(execFileSync('npm', words, { encoding: 'utf8', shell: process.platform === 'win32' }).trim())
})
