import { existsSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { makeFolder } from '../makeFolder.ts'

/**
 * SoftHSM finds its tokens by a configuration file. Where nobody names one, a cloud's tokens lie beside its data, so that
 * neither root nor a group of the system is needed, and a copy of the directory has them. Before the library is loaded.
 */
export function useOwnTokens(module: string, data: string, { isNew = false } = {}): void {
  if (!areBesideData(module)) return
  const tokens = tokensBeside(data)
  if (isNew) makeFolder(tokens)
  if (!existsSync(tokens)) return
  // Looked at each time: the directory may have been moved or restored elsewhere.
  const file = confOf(data)
  const text = `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileDurably(file, text, { mode: 0o600 })
  process.env['SOFTHSM2_CONF'] = file
}

/** They would lie beside the data, and nothing lies there: the library would look elsewhere. */
export function lacksOwnTokens(module: string, data: string): boolean {
  return areBesideData(module) && !existsSync(tokensBeside(data))
}

/** They were copied, moved or restored with it. */
export function areTokensWithin(data: string): boolean {
  return process.env['SOFTHSM2_CONF'] === confOf(data)
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
