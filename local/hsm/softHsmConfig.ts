import { existsSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { UserError } from '../../lib/userError.ts'
import { makeFolder } from '../makeFolder.ts'

/**
 * SoftHSM finds its tokens by a configuration file. Where nobody names one, a cloud's tokens lie beside its data, so that
 * neither root nor a group of the system is needed, and a copy of the directory has them. Before the library is loaded.
 * @throws UserError where they lay there and do not any more
 */
export function useOwnTokens(module: string, data: string, { isNew = false } = {}): void {
  if (!areBesideData(module)) return
  const tokens = tokensBeside(data)
  if (isNew) makeFolder(tokens)
  if (!existsSync(tokens)) {
    requireNoneLost(data)
    return
  }
  // Looked at each time: the directory may have been moved or restored elsewhere.
  const file = confOf(data)
  const text = `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileDurably(file, text, { mode: 0o600 })
  process.env['SOFTHSM2_CONF'] = file
}

/** The library would look where other people's tokens are, of the same names perhaps, and the PIN be tried on them. */
function requireNoneLost(data: string): void {
  const [tokens, file] = [tokensBeside(data), confOf(data)]
  if (!existsSync(file)) return
  throw new UserError(
    `The tokens are missing: they lay in ${tokens} (${file} says so), and that is not there. Put it back from a copy of this directory; where it is lost, hsm restore brings them back with the custodians' shares, and before the first start hsm init makes others. Where they are elsewhere now, SOFTHSM2_CONF names the file of SoftHSM's that says so. Nothing was looked for in another place.`,
  )
}

/** They would lie beside the data, and nothing lies there: the library would look elsewhere. */
export function lacksOwnTokens(module: string, data: string): boolean {
  return areBesideData(module) && !existsSync(tokensBeside(data))
}

/** They were copied, moved or restored with it. */
export function areTokensWithin(data: string): boolean {
  return process.env['SOFTHSM2_CONF'] === confOf(data)
}

/** Where they lie then, and nobody else's do; undefined: elsewhere. After useOwnTokens. */
export function ownTokensFolder(data: string): string | undefined {
  return areTokensWithin(data) ? tokensBeside(data) : undefined
}

/** What finds the tokens that this process finds, in whatever shell. */
export function softHsmCommand(...words: readonly string[]): string {
  const file = process.env['SOFTHSM2_CONF']
  const where = file === undefined ? [] : [`SOFTHSM2_CONF=${quoted(file)}`]
  return [...where, 'softhsm2-util', ...words.map((word) => quoted(word))].join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replaceAll(/["$\\`]/g, '\\$&')}"`
}

function confOf(data: string): string {
  return join(resolve(data, 'hsm'), 'softhsm2.conf')
}

function areBesideData(module: string): boolean {
  return basename(module).startsWith('libsofthsm2') && process.env['SOFTHSM2_CONF'] === undefined
}

function tokensBeside(data: string): string {
  return resolve(data, 'hsm', 'tokens')
}
