import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** docs/model/replication.pml, searched whole by spin; then with one fault at a time, each of which the search must find. */
const model = readFileSync('docs/model/replication.pml', 'utf8')

function isThere(): boolean {
  try {
    execFileSync('spin', ['-V'])
    execFileSync('gcc', ['--version'])
    return true
  } catch {
    return false
  }
}

const canRun = isThere()
if (!canRun && process.env['REQUIRE_SPIN'] === '1') throw new Error('spin and gcc are required here (REQUIRE_SPIN=1).')
if (!canRun)
  process.stderr.write('Skipped: the model, because there is no spin with gcc (Debian: apt-get install spin).\n')

/** What the search said last. */
function searched(defines: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-model-'))
  const run = (program: string, parameters: readonly string[]) =>
    execFileSync(program, parameters, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    writeFileSync(join(directory, 'replication.pml'), model)
    run('spin', [...defines.map((define) => `-D${define}`), '-a', 'replication.pml'])
    run('gcc', ['-O1', '-w', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c'])
    return run('./pan', ['-E', '-m200000'])
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const whole = canRun ? test : test.skip

whole.each([
  ['one link, changes without a pause', ['ONE_LINK', 'LAST=4']],
  ['a replica that is deleted and made anew meanwhile', ['LAST=3']],
])('%s: every interleaving keeps what docs/model promises', (_, defines) => {
  const said = searched(defines)
  expect(said).toContain('errors: 0')
  expect(said).not.toContain('Search not completed')
})

whole.each([
  [['TRUST_THE_CHANGE', 'CLAIM_WITHOUT_ROWS', 'ONE_LINK', 'LAST=5']],
  [['ANSWER_FIRST', 'ONE_LINK', 'LAST=4']],
  [['OLD_OVERWRITES', 'ONE_LINK', 'LAST=4']],
  [['IGNORE_THE_FENCE', 'LAST=3']],
  [['OLD_RECEIPT', 'LAST=3']],
])('the fault %j is found', (defines) => {
  expect(searched(defines)).toMatch(/assertion violated/)
})
