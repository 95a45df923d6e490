import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { UserError } from '../../lib/userError.ts'
import { typed } from '../typed.ts'

/** No JSON file by its name: the states beside it are told by that. */
function markFile(data: string, region: string): string {
  return join(data, 'hsm', `${region}.migration-begun`)
}

/** Of the token's state, until it takes the simulated one's place. */
export function migrationDraft(data: string, region: string): string {
  return join(data, 'hsm', `${region}.migrating.json`)
}

/** Durable when it returns: before the region's token is touched. */
export function noteMigration(data: string, region: string): void {
  writeFileDurably(markFile(data, region), `${new Date().toISOString()}\n`, { mode: 0o600 })
}

export function forgetMigration(data: string, region: string): void {
  rmSync(markFile(data, region), { force: true })
}

/** For a person; undefined: none was cut off. One whose state took the simulated one's place has ended. */
export function cutOffMigration(data: string, region: string): string | undefined {
  if (![markFile(data, region), migrationDraft(data, region)].some((file) => existsSync(file))) return undefined
  const state = join(data, 'hsm', `${region}.json`)
  if (!existsSync(state) || readFileSync(state, 'utf8').includes('"vaultspan/pkcs11-hsm/')) return undefined
  return `The migration of ${region} into its token was cut off, and no key is lost: run it again (${typed('hsm', 'migrate', '--data', data, '--region', region)}).`
}

/** What the token lacks then would be told as if nobody had made it. @throws UserError */
export function requireNotCutOff(data: string, region: string): void {
  const says = cutOffMigration(data, region)
  if (says !== undefined) throw new UserError(says)
}
