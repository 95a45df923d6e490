import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { defaultSettings } from '../../local/cloudSettings.ts'
import { startProcesses } from '../../local/processes/startProcesses.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { ranProgram, type Ran } from '../harness/processGroup.ts'
import { freeBase } from '../local/freePorts.ts'
import { withDirectory } from '../local/startedService.ts'
import { drawings, shellBlocks } from './shellBlocks.ts'
import { writeStandIns } from './standIns.ts'

const root = join(import.meta.dirname, '..', '..')
const hasOci = spawnSync('oci', ['--version']).status === 0
/** Or speaks of a user whom a block before it has made so. */
const callsOci = ({ text }: { text: string }) => /\boci (kms|iam)\b|\bpolicy -- explain --user orders\b/.test(text)

/** In a directory of its own where `npm start` serves, as README says, on ports that are free. */
async function inReadersPlace(body: (run: (text: string) => Promise<Ran>, directory: string) => Promise<void>) {
  await withDirectory(async (directory) => {
    const port = await freeBase()
    const cloud = await startProcesses({
      directory: join(directory, '.vaultspan'),
      port,
      settings: defaultSettings,
      log: jsonLogger(() => undefined, 'silent'),
      logLevel: 'error',
    })
    const PATH = [writeStandIns(directory), process.env['PATH'] ?? ''].join(delimiter)
    const variables = {
      PATH,
      HOME: directory,
      ROOT: root,
      NODE: process.execPath,
      OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING: 'True',
    }
    const env = { ...process.env, ...variables, NODE_OPTIONS: '', npm_lifecycle_event: undefined }
    const run = (text: string) => {
      // Those of the two regions, as the documents have them.
      const here = text.replaceAll(/127\.0\.0\.1:760([01])/g, (_, index) => `127.0.0.1:${port + Number(index)}`)
      return ranProgram('bash', ['-c', `set -euo pipefail\n${here}`], { cwd: directory, env })
    }
    try {
      await body(run, directory)
    } finally {
      await cloud.close()
    }
  })
}

test('every command of the documents stands in a block that is run here', () => {
  expect(shellBlocks.length).toBeGreaterThan(10)
  for (const { document, text } of drawings) {
    expect([document, /^\s*(npm|npx|oci|export|aws|openssl|\.ci\/)\b.*/m.exec(text)?.[0]]).toEqual([
      document,
      undefined,
    ])
  }
})

/** On a busy machine a region may be slow enough to be called down, which `status` and `doctor` say by their exit code. */
async function ranWell(run: () => Promise<Ran>, text: string): Promise<Ran> {
  const looks = /npm run (status|doctor)\b/.test(text) ? 30 : 1
  let ran = await run()
  for (let tries = 1; ran.code !== 0 && tries < looks; tries += 1) ran = await run()
  return ran
}

test('what the documents say to type runs', () =>
  inReadersPlace(async (run) => {
    for (const block of shellBlocks.filter((each) => !callsOci(each))) {
      const { code, err } = await ranWell(() => run(block.text), block.text)
      expect({ ...block, code, err: code === 0 ? '' : err }).toEqual({ ...block, code: 0, err: '' })
    }
  }))

test('a command with a flag that is not there fails here', () =>
  inReadersPlace(async (run) => {
    expect(await run('npm run provision -- --stage prod --nonsense x')).toMatchObject({ code: 1 })
    expect(await run('npm run nothing')).toMatchObject({ code: 1 })
    expect(await run('npm run faults -- cut us-nowhere-1')).toMatchObject({ code: 1 })
  }))

// Oracle's CLI comes from Python; .ci/run installs it, and has this fail where it is not.
const withOci = hasOci || process.env['REQUIRE_OCI_CLI'] === '1' ? test : test.skip

withOci('with Oracle’s CLI the documents’ story makes a vault, a key, a replica and a backup', () =>
  inReadersPlace(async (run, directory) => {
    const lines = shellBlocks.filter(callsOci).map(({ text }) => text)
    const { code, out, err } = await run(lines.join('\n'))
    expect({ code, said: code === 0 ? '' : out + err }).toEqual({ code: 0, said: '' })
    expect(out).toContain('"display-name": "k"')
    expect(out).toContain('"region": "us-phoenix-1"')
    const backups = readdirSync(join(directory, '.vaultspan', 'backups'), { recursive: true, encoding: 'utf8' })
    expect(backups.filter((name) => name.endsWith('/b/vault'))).toHaveLength(1)
  }),
)
