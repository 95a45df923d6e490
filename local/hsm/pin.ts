import { readFileSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { UserError } from '../../lib/userError.ts'

/** A PIN from a file that its owner alone can read; its first line. @throws UserError */
export function pinFrom(file: string): string {
  let text: string
  try {
    requireOwn(file, 'The PIN file')
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`The PIN file ${file} cannot be read.`, { cause })
  }
  const [pin = ''] = text.split(/\r?\n/)
  if (pin === '') throw new UserError(`The PIN file ${file} is empty.`)
  return pin
}

/** Whether its owner alone may read it. */
export function isOwn(file: string): boolean {
  return process.platform === 'win32' || (statSync(file).mode & 0o077) === 0
}

/** @throws UserError where others than its owner may read it. */
export function requireOwn(file: string, what: string): void {
  if (isOwn(file)) return
  throw new UserError(`${what} ${file} is open to other users; set its mode to 0600.`)
}

/** From the file, or asked for at the terminal without an echo; never an argument, which every user of a machine can see. */
export async function pinFromFileOrPrompt(file: string | undefined, whose: string, flag: string): Promise<string> {
  if (file !== undefined) return pinFrom(file)
  if (!process.stdin.isTTY)
    throw new UserError(`There is no terminal to ask for ${whose} PIN; name a file with ${flag}.`)
  process.stdout.write(`${whose} PIN: `)
  const silent = new Writable({
    write: (_chunk, _encoding, done) => {
      done()
    },
  })
  const asked = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    const pin = await asked.question('')
    if (pin === '') throw new UserError('A PIN is not empty.')
    return pin
  } finally {
    asked.close()
    process.stdout.write('\n')
  }
}
