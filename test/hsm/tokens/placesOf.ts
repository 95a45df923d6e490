import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where SoftHSM keeps the tokens of all suites. */
export function tokensFolder(): string {
  const conf = readFileSync(process.env['SOFTHSM2_CONF'] ?? '', 'utf8')
  return /tokendir *= *(.*)/.exec(conf)?.[1] ?? ''
}

/** The directories there of tokens with this label; others come and go meanwhile. */
export function placesOf(label: string, folder = tokensFolder()): readonly string[] {
  // A label has 32 bytes, blanks behind.
  const wanted = label.padEnd(32)
  return readdirSync(folder).filter((each) => {
    try {
      return readFileSync(join(folder, each, 'token.object'), 'latin1').includes(wanted)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw cause
    }
  })
}
