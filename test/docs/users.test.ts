import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { ranProgram } from '../harness/processGroup.ts'
import { startInMemory, type MemoryCloud } from '../../local/cloud/memory.ts'
import { defaultSettings } from '../../local/cloudSettings.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'

/** What a user may, in both regions, by Oracle's own clients: examples/. Go's is run by .ci/snippets.sh. */

const examples = join(import.meta.dirname, '..', '..', 'examples')
let cloud: MemoryCloud
beforeEach(async () => {
  const settings = { ...defaultSettings, preparesKeys: false }
  cloud = await startInMemory({ port: 0, settings, log: jsonLogger(() => undefined, 'silent') })
})
afterEach(async () => {
  await cloud.close()
})

// Oracle's SDK for Python comes with its CLI: .ci/install-oci-cli.sh.
const oci = spawnSync('sh', ['-c', 'readlink -f "$(command -v oci)"'], { encoding: 'utf8' }).stdout.trim()
const withClients = oci !== '' || process.env['REQUIRE_OCI_CLI'] === '1' ? test : test.skip

withClients.each([
  ['Python’s SDK', join(dirname(oci), 'python'), ['python/main.py', 'home', 'other', 'region']],
  ['the CLI', 'bash', ['cli/user.sh', 'home', 'region']],
])('a user that %s makes is granted and refused in both regions', async (_client, program, words) => {
  const [home, other] = cloud.regions
  const meant: Readonly<Record<string, string | undefined>> = {
    home: home?.endpoint,
    other: other?.endpoint,
    region: other?.region,
  }
  const place = join(cloud.folder, 'oci')
  const env = {
    ...process.env,
    OCI_CONFIG_FILE: join(place, 'config'),
    OCI_CLI_CONFIG_FILE: join(place, 'config'),
    OCI_CLI_RC_FILE: join(place, 'oci_cli_rc'),
    OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING: 'True',
    NODE_OPTIONS: '',
  }
  const args = words.map((word) => meant[word] ?? word)
  const { code, out, err } = await ranProgram(program, args, { cwd: examples, env })
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) as string })
  expect(out).toMatch(/granted and refused in both regions, as the policies say\n$/)
})
