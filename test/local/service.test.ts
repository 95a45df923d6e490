import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { version } from '../../local/version.ts'
import { callerByProfile } from './signedCaller.ts'
import { freeBase, takePort } from './freePorts.ts'
import { healthy } from './healthy.ts'
import { isReady, run, startService, withDirectory } from './startedService.ts'
import { createKey, createVault, decrypt, encrypt, plaintext } from './vaultSteps.ts'

interface EndpointsFile {
  readonly regions: readonly { readonly region: string; readonly endpoint: string }[]
  readonly homeRegion: string
  readonly tenancyId: string
  readonly rootCompartmentId: string
}

function endpointsIn(directory: string): EndpointsFile {
  return JSON.parse(readFileSync(join(directory, 'endpoints.json'), 'utf8')) as EndpointsFile
}

function modeOf(...path: readonly string[]): string {
  return (statSync(join(...path)).mode & 0o777).toString(8)
}

/** One line on stderr, nothing on stdout, exit code 1. */
async function refusal(args: readonly string[]): Promise<string> {
  const { code, out, err } = await run('local/main.ts', args)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^[^\n]+\n$/)
  return err.trim()
}

describe('npm start', () => {
  test('is ready with a banner, files that only their owner reads, and answers; Ctrl-C ends it with 0', () =>
    withDirectory(async (directory) => {
      const base = await freeBase()
      const service = startService(directory, base)
      await isReady(service)
      expect(service.said.out).toContain(`us-ashburn-1  http://127.0.0.1:${base}   home region`)
      expect(service.said.out).toContain(`us-phoenix-1  http://127.0.0.1:${base + 1}`)
      expect(service.said.out).toContain(`Vaultspan ${version} is running.`)
      expect(service.said.out).toContain('for development')
      expect(service.said.out).toContain('npm run tour')
      const { regions, tenancyId, ...others } = endpointsIn(directory)
      expect(regions).toEqual([
        { region: 'us-ashburn-1', endpoint: `http://127.0.0.1:${base}` },
        { region: 'us-phoenix-1', endpoint: `http://127.0.0.1:${base + 1}` },
      ])
      expect(others).toEqual({ homeRegion: 'us-ashburn-1', rootCompartmentId: tenancyId })
      for (const { region, endpoint } of regions) {
        expect(await healthy(endpoint)).toMatchObject({ status: 'ok', version, region, replicationAck: 'available' })
      }
      expect(['oci', 'hsm', 'regions'].map((folder) => modeOf(directory, folder))).toEqual(['700', '700', '700'])
      const secrets = ['oci/config', 'oci/administrator.pem', 'hsm/us-ashburn-1.json', 'regions/us-ashburn-1.db']
      expect(secrets.map((file) => modeOf(directory, file))).toEqual(['600', '600', '600', '600'])
      expect(modeOf(directory, 'faults.sock')).toBe('600')
      service.signal('SIGINT')
      expect(await service.exited).toBe(0)
      expect(service.said.err).toBe('')
      expect(existsSync(join(directory, 'faults.sock'))).toBe(false)
    }))

  test('keeps data, ports and profile over kill -9', () =>
    withDirectory(async (directory) => {
      const base = await freeBase()
      const first = startService(directory, base)
      await isReady(first)
      const call = callerByProfile(directory)
      const { regions, tenancyId } = endpointsIn(directory)
      const vault = await createVault(call, regions[0]?.endpoint ?? '', tenancyId)
      const keyId = await createKey(call, vault, tenancyId)
      const ciphertext = await encrypt(call, vault.endpoint, keyId)
      first.signal('SIGKILL')
      expect(await first.exited).toBe('SIGKILL')
      const second = startService(directory, base)
      await isReady(second)
      expect(await decrypt(call, vault.endpoint, keyId, ciphertext)).toBe(plaintext)
      expect(endpointsIn(directory).tenancyId).toBe(tenancyId)
      second.signal('SIGTERM')
      expect(await second.exited).toBe(0)
    }))

  test('lets only one process use a directory', () =>
    withDirectory(async (directory) => {
      const service = startService(directory, await freeBase())
      await isReady(service)
      expect(await refusal(['--data', directory, '--port', String(await freeBase())])).toContain(
        'is in use by another Vaultspan process',
      )
      service.signal('SIGINT')
      expect(await service.exited).toBe(0)
    }))

  test('leaves the mode of a directory alone that was there before', () =>
    withDirectory(async (directory) => {
      chmodSync(directory, 0o755)
      const service = startService(directory, await freeBase())
      await isReady(service)
      expect(modeOf(directory)).toBe('755')
      service.signal('SIGINT')
      await service.exited
    }))
})

describe('npm start refuses in one line', () => {
  test('a port that is taken', () =>
    withDirectory(async (directory) => {
      const base = await freeBase()
      const taken = await takePort(base + 1)
      const line = await refusal(['--data', directory, '--port', String(base)])
      await taken.close()
      expect(line).toBe(`Port ${base + 1} is taken by another process; stop it or choose another --port.`)
    }))

  test('a vault port that is taken', () =>
    withDirectory(async (directory) => {
      const base = await freeBase()
      const service = startService(directory, base)
      await isReady(service)
      const { regions, tenancyId } = endpointsIn(directory)
      await createVault(callerByProfile(directory), regions[0]?.endpoint ?? '', tenancyId)
      service.signal('SIGINT')
      await service.exited
      const taken = await takePort(base + 100)
      const line = await refusal(['--data', directory, '--port', String(base)])
      await taken.close()
      expect(line).toContain(`Port ${base + 100} of a vault in us-ashburn-1 is taken`)
    }))

  test.each([
    ['Ashburn', '"Ashburn" is not a region name; write it like us-ashburn-1.'],
    ['us-ashburn-1,us-ashburn-1', '--regions names us-ashburn-1 twice; name each region once.'],
    ['', '"" is not a region name; write it like us-ashburn-1.'],
    ['us-ashburn-1,../../x-1', '"../../x-1" is not a region name; write it like us-ashburn-1.'],
  ])('the regions "%s"', (regions, line) =>
    withDirectory(async (directory) => {
      const data = join(directory, 'data')
      expect(await refusal(['--data', data, '--port', String(await freeBase()), '--regions', regions])).toBe(line)
    }),
  )

  test.each([
    [['--cut', 'us-nowhere-1'], '--cut us-nowhere-1: there is no such region; name one of us-ashburn-1, us-phoenix-1.'],
    [['--recover', 'nowhere'], '--recover nowhere: there is no such region; name one of us-ashburn-1, us-phoenix-1.'],
    [
      ['--ready-file', '/nowhere/x'],
      expect.stringMatching(
        /^--ready-file \/nowhere\/x: it cannot be written there \(.*\); name a file in a directory/,
      ),
    ],
  ])('%j, before a directory is made', (flags, line: unknown) =>
    withDirectory(async (directory) => {
      const data = join(directory, 'data')
      expect(await refusal(['--data', data, '--port', String(await freeBase()), ...flags])).toEqual(line)
      expect(existsSync(data)).toBe(false)
    }),
  )

  test('a record that is none, and leaves neither a new cloud behind nor takes an old one away', () =>
    withDirectory(async (directory) => {
      const [data, file] = [join(directory, 'data'), join(directory, 'record.json')]
      writeFileSync(file, '{"format":"vaultspan/vault-record-import/1"}')
      const args = async () => ['--data', data, '--port', String(await freeBase()), '--import', file]
      expect(await refusal(await args())).toMatch(/^--import .*record\.json: .*displayName/)
      expect(existsSync(data)).toBe(false)
      await (await startCloud({ directory: data, port: 0 })).close()
      const { tenancyId } = endpointsIn(data)
      expect(await refusal(await args())).toMatch(/^--import .*record\.json: /)
      expect(endpointsIn(data).tenancyId).toBe(tenancyId)
      await (await startCloud({ directory: data, port: 0 })).close()
    }))

  test('a data directory that is a file', () =>
    withDirectory(async (directory) => {
      const file = join(directory, 'file')
      writeFileSync(file, '')
      expect(await refusal(['--data', file])).toBe(`${file}: is not a directory; choose another --data.`)
    }))

  test('a host database of a newer format, which it leaves as it is', () =>
    withDirectory(async (directory) => {
      const database = new DatabaseSync(join(directory, 'host.db'))
      database.exec(
        `CREATE TABLE facts (name TEXT, value TEXT); INSERT INTO facts VALUES ('format', 'vaultspan/host/2')`,
      )
      database.close()
      const before = readFileSync(join(directory, 'host.db'))
      expect(await refusal(['--data', directory])).toContain('was written by another version (vaultspan/host/2)')
      expect(readFileSync(join(directory, 'host.db')).equals(before)).toBe(true)
    }))

  test('a region store of a newer format', () =>
    withDirectory(async (directory) => {
      await (await startCloud({ directory, port: 0 })).close()
      const database = new DatabaseSync(join(directory, 'regions', 'us-ashburn-1.db'))
      database.exec(`UPDATE format SET name = 'vaultspan/region-store/9'`)
      database.close()
      expect(await refusal(['--data', directory, '--port', String(await freeBase())])).toContain(
        'vaultspan/region-store/9',
      )
    }))

  test('a file that is no database', () =>
    withDirectory(async (directory) => {
      writeFileSync(join(directory, 'host.db'), 'x'.repeat(5000))
      expect(await refusal(['--data', directory])).toContain('is not a Vaultspan data file')
    }))

  test.each([
    [['--nonsense'], /--nonsense/],
    [['--port', 'x'], /--port takes/],
    [['surplus'], /surplus/],
  ])('the arguments %j', async (args, line) => {
    expect(await refusal(args)).toMatch(line)
  })
})

test('this Node passes the check that runs before every start', async () => {
  expect(await run('local/requireNode.cjs', [])).toEqual({ code: 0, out: '', err: '' })
})
