import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { UserError } from '../../lib/userError.ts'
import type { Applied } from './applyInit.ts'
import { fileReason } from '../fileReason.ts'
import { parseInitText, type Init } from './initFile.ts'

/** Where the OCIDs of what it made are kept. */
const madeName = 'init.json'

/** @throws UserError naming the file, and the place in it. */
export async function readInit(file: string): Promise<Init> {
  return readFile(file, 'utf8')
    .then(parseInitText)
    .catch(refusalOf(`--init ${file}: `))
}

/** Puts before what a person can put right whose it is. */
export function refusalOf(prefix: string): (cause: unknown) => never {
  return (cause) => {
    throw new UserError(`${prefix}${fileReason(cause)}`, { cause })
  }
}

/** Into the data directory, or the folder of a cloud in memory. */
export function writeMade(folder: string, { made }: Applied): void {
  writeFileDurably(join(folder, madeName), `${JSON.stringify(made, undefined, 2)}\n`, { mode: 0o644 })
}

export function initText(file: string, { count }: Applied, folder: string): string {
  const says = {
    known: `${file} was applied before; nothing is changed`,
    there: `all of ${file} is there; nothing is changed`,
    made: `made ${count ?? 0} of what ${file} names`,
  }
  const what = says[count === undefined ? 'known' : count === 0 ? 'there' : 'made']
  return `--init: ${what}. Its OCIDs: ${join(folder, madeName)}`
}
