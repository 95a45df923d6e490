import { randomBytes } from 'node:crypto'
import { lstatSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { messageOf, UserError } from '../../lib/userError.ts'
import { personsLine } from '../personsLine.ts'

/** Whatever it is, a link that leads nowhere too. */
export function isTaken(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined
}

/** That a file can be made beside this name: one is, and is removed. @throws UserError */
export function requireWritablePlace(file: string): void {
  const directory = dirname(file)
  if (!isTaken(directory)) throw new UserError(`${directory} is not there; mount it, or make it.`)
  const probe = join(directory, `.probe-${randomBytes(8).toString('hex')}`)
  try {
    writeFileDurably(probe, 'vaultspan', { mode: 0o600, isNew: true })
  } catch (cause) {
    const why = (personsLine(cause) ?? messageOf(cause)).replace(`${probe}: `, '')
    throw new UserError(`Nothing can be written to ${directory}: ${why}`, { cause })
  } finally {
    rmSync(probe, { force: true })
  }
}

/** What one run has made, and takes back where it fails. */
export class NewFiles {
  readonly #made: string[] = []

  /** As JSON. @throws UserError where something has this name */
  write(file: string, content: object, mode: number): void {
    const bytes = Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`)
    try {
      if (!writeFileDurably(file, bytes, { mode, isNew: true })) throw new UserError(`${file} is there already.`)
    } finally {
      bytes.fill(0)
    }
    this.#made.push(file)
  }

  remove(): void {
    for (const file of this.#made.splice(0)) rmSync(file, { force: true })
  }
}
