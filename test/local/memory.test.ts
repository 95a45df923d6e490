import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReadyFile } from '../../local/cloud/readyFile.ts'
import { callerByProfile } from './signedCaller.ts'
import { isReady, run, startProcess, withDirectory, type StartedProcess } from './startedService.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate } from './vaultSteps.ts'

const environment = { REQUIRE_SERVICE_POLICY: 'off', PREPARE_KEYS: 'off' }

async function started(file: string, ...flags: readonly string[]): Promise<[StartedProcess, ReadyFile]> {
  const service = startProcess('local/main.ts', ['start', '--port', '0', '--ready-file', file, ...flags], environment)
  await isReady(service)
  return [service, JSON.parse(readFileSync(file, 'utf8')) as ReadyFile]
}

async function end(service: StartedProcess): Promise<void> {
  service.signal('SIGTERM')
  expect(await service.exited).toBe(0)
}

test('--memory serves on free ports, takes commands, and leaves nothing but the ready file', () =>
  withDirectory(async (directory) => {
    const file = join(directory, 'ready.json')
    writeFileSync(file, 'of an earlier start')
    const [service, ready] = await started(file, '--memory')
    const call = callerByProfile(ready.data)
    const source = ready.regions[0]?.endpoint ?? ''
    const vault = await createVault(call, source, ready.tenancyId)
    const replica = await replicate(call, source, vault, 'us-phoenix-1')
    const keyId = await createKey(call, vault, ready.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    const cut = await run('local/main.ts', ['faults', 'cut', ready.homeRegion, '--data', ready.data])
    expect(cut).toMatchObject({ code: 0, err: '' })
    expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
    expect(readdirSync(ready.data).toSorted()).toEqual(['endpoints.json', 'faults.sock', 'oci'])
    const snapshot = await run('local/main.ts', ['snapshot', join(directory, 'copy'), '--data', ready.data])
    expect(snapshot).toMatchObject({ code: 1, err: expect.stringContaining('is in memory (--memory)') as unknown })
    const doctor = await run('local/main.ts', ['doctor', '--data', ready.data])
    expect(doctor.out).toMatch(/^ok {4}the cloud of \S+ is in memory \(--memory\)/m)
    expect(doctor.out).not.toContain('There is no cloud')
    expect(ready.configFile).toBe(join(ready.data, 'oci', 'config'))
    await end(service)
    expect(existsSync(ready.data)).toBe(false)
  }))

test('--port 0 in a directory: regions get free ports at each start, vaults keep theirs', () =>
  withDirectory(async (parent) => {
    for (let time = 1; ; time += 1) {
      try {
        await startedTwice(join(parent, String(time)))
        return
      } catch (cause) {
        // Anybody is given the vault's port while nobody listens there.
        if (!/Port \d+ of a vault in \S+ is taken/.test(String(cause))) throw cause
      }
    }
  }))

async function startedTwice(directory: string): Promise<void> {
  mkdirSync(directory)
  const [data, file] = [join(directory, 'data'), join(directory, 'ready.json')]
  const [first, before] = await started(file, '--data', data)
  const call = callerByProfile(data)
  const vault = await createVault(call, before.regions[0]?.endpoint ?? '', before.tenancyId)
  const keyId = await createKey(call, vault, before.tenancyId)
  const ciphertext = await encrypt(call, vault.endpoint, keyId)
  await end(first)
  const [second, after] = await started(file, '--data', data)
  expect(after).toMatchObject({ tenancyId: before.tenancyId, data })
  expect(JSON.parse(readFileSync(join(data, 'endpoints.json'), 'utf8'))).toMatchObject({ regions: after.regions })
  expect(await decrypt(call, vault.endpoint, keyId, ciphertext)).toBe(plaintext)
  await end(second)
}

test.each([
  [
    ['--memory', '--data', 'x'],
    /^Option '--memory' cannot be used with option '--data <DIR>'\. Run npm start -- --help\.\n$/,
  ],
  [['--memory', '--recover', 'x'], /^Option '--memory' cannot be used with option '--recover <REGION>'\./],
  [['--memory', '--port', '60001'], /^--port takes a whole number from 0 to 60000\.\n$/],
  [['--memory', '--port', ''], /^--port takes a whole number from 0 to 60000\.\n$/],
  [['--memory', '--port', '0', '--ready-file', '/nowhere/x'], /^--ready-file \/nowhere\/x: [^\n]+\n$/],
])('start %j is refused in one line', async (flags, says) => {
  const { code, out, err } = await run('local/main.ts', ['start', ...flags])
  expect({ code, out, err }).toEqual({ code: 1, out: '', err: expect.stringMatching(says) as unknown })
})
