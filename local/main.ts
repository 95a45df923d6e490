#!/usr/bin/env node
import { extname } from 'node:path'
import { program } from './cli/commands.ts'
import { useCompileCache } from './compileCache.ts'
import { runCommand } from './runCommand.ts'

// Of the package only: a clone's files change.
if (extname(import.meta.url) === '.js') useCompileCache()

/** `vaultspan COMMAND`, and every npm script of the embedded host. */
await runCommand(async () => {
  const words = process.argv.slice(2)
  const [first] = words
  const root = program()
  if (first === undefined || first === 'help') {
    root.outputHelp()
    return
  }
  const isOfStart = first.startsWith('-') && first !== '--help' && first !== '--version'
  await root.parseAsync(isOfStart ? ['start', ...words] : words, { from: 'user' })
})
