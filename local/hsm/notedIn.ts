import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { makeFolder } from '../makeFolder.ts'

/** What a command has noted in a file of the directory for the next one; undefined: nothing. @throws UserError */
export function notedIn<T>(file: string, schema: v.GenericSchema<unknown, T>): T | undefined {
  if (!existsSync(file)) return undefined
  let content: unknown
  try {
    content = parseJson(readFileSync(file, 'utf8'))
  } catch {
    content = undefined
  }
  const parsed = v.safeParse(schema, content)
  if (!parsed.success) throw new UserError(`${file} is damaged, or of another version.`)
  return parsed.output
}

/** The same for the next one to read, durably when it returns; undefined: nothing is noted any more. */
export function note(file: string, content: object | undefined): void {
  if (content === undefined) {
    rmSync(file, { force: true })
    return
  }
  makeFolder(dirname(file))
  writeFileDurably(file, JSON.stringify(content), { mode: 0o600 })
}
