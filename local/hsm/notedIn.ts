import { existsSync, readFileSync } from 'node:fs'
import * as v from 'valibot'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'

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
