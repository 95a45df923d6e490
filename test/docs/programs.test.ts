import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ranProgram } from '../harness/processGroup.ts'
import { startInMemory, type MemoryCloud } from '../../local/cloud/memory.ts'
import { defaultSettings } from '../../local/cloudSettings.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { blocks } from './shellBlocks.ts'

/** The programs of docs/test-my-code.md, as they stand there; Go's and Java's are run by .ci/snippets.sh. */

const root = join(import.meta.dirname, '..', '..')
let cloud: MemoryCloud
let directory: string
beforeAll(async () => {
  const settings = { ...defaultSettings, preparesKeys: false }
  cloud = await startInMemory({ port: 0, settings, log: jsonLogger(() => undefined, 'silent') })
  // Below the clone, where Node finds Oracle's client.
  mkdirSync(join(root, '.build'), { recursive: true })
  directory = mkdtempSync(join(root, '.build', 'programs-'))
})
afterAll(async () => {
  rmSync(directory, { recursive: true })
  await cloud.close()
})

function programIn(language: string): string {
  const found = blocks.filter((each) => each.document === 'docs/test-my-code.md' && each.language === language)
  expect(found).toHaveLength(1)
  return found[0]?.text.replaceAll('http://127.0.0.1:7600', cloud.regions[0]?.endpoint ?? '') ?? ''
}

async function run(program: string, file: string, text: string): Promise<string> {
  writeFileSync(join(directory, file), text)
  const env = { ...process.env, OCI_CONFIG_FILE: join(cloud.folder, 'oci', 'config'), NODE_OPTIONS: '' }
  const { code, out, err } = await ranProgram(program, [file], { cwd: directory, env })
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) as string })
  return out
}

test('that in TypeScript opens what it has encrypted', async () => {
  expect(await run(process.execPath, 'program.mts', programIn('ts'))).toMatch(/^opened with ocid1\.key\./)
})

// Oracle's SDK for Python comes with its CLI: .ci/install-oci-cli.sh.
const oci = spawnSync('sh', ['-c', 'readlink -f "$(command -v oci)"'], { encoding: 'utf8' }).stdout.trim()
const withPython = oci !== '' || process.env['REQUIRE_OCI_CLI'] === '1' ? test : test.skip

withPython('that in Python opens what it has encrypted', async () => {
  const python = join(dirname(oci), 'python')
  expect(await run(python, 'program.py', programIn('python'))).toMatch(/^opened with ocid1\.key\./)
})

test.each(['go', 'xml', 'java', 'hcl'])('there is one program in %s', (language) => {
  expect(programIn(language)).not.toBe('')
})
