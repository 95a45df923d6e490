import { readFileSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { UserError } from '../../lib/userError.ts'

/** A PIN from a file that its owner alone can read; its first line. @throws UserError */
export function pinFrom(file: string): string {
  let bytes: Buffer
  try {
    // A pipe may never be written to.
    if (!statSync(file).isFile())
      throw new UserError(`The PIN file ${file} is no file, but a directory, a pipe or a device.`)
    requireOwn(file, 'The PIN file')
    bytes = readFileSync(file)
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`The PIN file ${file} cannot be read.`, { cause })
  }
  const [pin = ''] = textIn(file, bytes).split(/\r?\n/)
  if (pin === '') throw new UserError(`The PIN file ${file} is empty.`)
  const wrong = pin.startsWith(byteOrderMark) ? 'a byte order mark' : pin.trim() === pin ? undefined : 'a blank'
  if (wrong !== undefined)
    throw new UserError(
      `The PIN file ${file} begins or ends with ${wrong}, which would be part of the PIN: write it without. It was not tried.`,
    )
  return pin
}

const byteOrderMark = '\uFEFF'

/** Bytes that are no text would all become one and the same character, and such a PIN is easily guessed. @throws UserError */
function textIn(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new UserError(
      `The PIN file ${file} is no text in UTF-8, and a PIN of its bytes would be easily guessed: make one with openssl rand -hex 16, and change the PIN of tokens that are there by their vendor's program. It was not tried.`,
      { cause },
    )
  }
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
  if (file === '') throw new UserError(`${flag} is empty; it names the file that holds ${whose} PIN.`)
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
