import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** For every suite of a run: SoftHSM reads the environment of the process itself, and a test has a copy of that only. */
export default function makeTokenDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-tokens-'))
  const tokens = join(directory, 'tokens')
  mkdirSync(tokens)
  const file = join(directory, 'softhsm2.conf')
  writeFileSync(file, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  process.env.SOFTHSM2_CONF = file
  globalThis.vaultspanTokens = directory
}
