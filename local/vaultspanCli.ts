#!/usr/bin/env node
import { UserError } from '../lib/userError.ts'
import { runCommand } from './runCommand.ts'
import { runAsPackage } from './typed.ts'
import { version } from './version.ts'

/** `vaultspan COMMAND`: what a clone has as npm scripts. */
const commands = {
  start: { says: 'runs a cloud on this machine, each region in a process of its own', run: () => import('./main.ts') },
  faults: {
    says: 'cuts regions off, kills them, slows the way between two, heals',
    run: () => import('./faultsCli.ts'),
  },
  redrive: { says: 'has what was given up worked again', run: () => import('./redriveCli.ts') },
  'receipt:verify': { says: 'checks a proof of arrival offline', run: () => import('./receiptCli.ts') },
  'reset-administrator': {
    says: 'makes a new key for the administrator',
    run: () => import('./resetAdministratorCli.ts'),
  },
} as const

const width = Math.max(...Object.keys(commands).map((name) => name.length))
const help = [
  'vaultspan COMMAND [flags]',
  '',
  'A key management service with the API of OCI Vault, whose vaults span regions.',
  '',
  ...Object.entries(commands).map(([name, { says }]) => `  ${name.padEnd(width)}  ${says}`),
  '',
  'vaultspan COMMAND --help says more of each; vaultspan --version is the version.',
].join('\n')

await runCommand(async () => {
  const [, , word] = process.argv
  if (word === undefined || word === '--help' || word === 'help') {
    console.log(help)
    return
  }
  if (word === '--version') {
    console.log(`Vaultspan ${version}`)
    return
  }
  if (!Object.hasOwn(commands, word)) throw new UserError(`There is no command ${word}. Run vaultspan --help.`)
  process.argv.splice(2, 1)
  runAsPackage()
  // INVARIANT: hasOwn above. A command's module runs it.
  await commands[word as keyof typeof commands].run()
})
