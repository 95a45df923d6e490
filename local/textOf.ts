import { readFileSync } from 'node:fs'
import { UserError } from '../lib/userError.ts'
import { fileReason } from './fileReason.ts'

/** Of a file that somebody named. @throws UserError */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${fileReason(cause)}.`, { cause })
  }
}
