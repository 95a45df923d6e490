import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { faultSocketPath } from '../../local/control/faultServer.ts'
import { freeBase } from './freePorts.ts'
import { isReady, run, startService, withDirectory } from './startedService.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

function faults(directory: string, ...words: readonly string[]) {
  return run('local/main.ts', ['faults', '--data', directory, ...words])
}

test('faults are set, shown and healed from the command line', () =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    const service = startService(directory, base)
    await isReady(service)
    const endpoint = `http://127.0.0.1:${base}/healthz`
    expect(await faults(directory, 'status')).toEqual({ code: 0, out: 'all regions are up\n', err: '' })
    expect((await faults(directory, 'cut', ashburn)).out).toBe('us-ashburn-1 is cut off\n')
    await expect(fetch(endpoint)).rejects.toThrow()
    expect((await faults(directory, 'slow', ashburn, phoenix, '80ms')).out).toBe(
      'us-ashburn-1 is cut off; us-ashburn-1 – us-phoenix-1 takes 80 ms\n',
    )
    expect((await faults(directory, 'heal')).out).toBe('all regions are up\n')
    expect((await fetch(endpoint)).status).toBe(200)
    service.signal('SIGINT')
    expect(await service.exited).toBe(0)
  }))

test('what cannot be done is one line and exit code 1', () =>
  withDirectory(async (directory) => {
    const service = startService(directory, await freeBase())
    await isReady(service)
    for (const [words, says] of [
      [['cut', 'us-nowhere-1'], 'There is no region us-nowhere-1; there are us-ashburn-1, us-phoenix-1.'],
      [['cut'], 'This is typed: cut REGION.'],
      [['kill'], 'This is typed: kill REGION, or kill REGION WORKER.'],
      [['heal', 'now'], 'This is typed: heal.'],
      [['slow', ashburn, phoenix], 'This is typed: slow REGION REGION 80ms.'],
      [['slow', ashburn, phoenix, 'much'], 'The delay is written like 80ms.'],
      [['--nonsense'], expect.stringMatching(/^Unknown option '--nonsense'[^\n]*$/) as unknown],
      [
        ['explode'],
        'There is no fault explode; use cut REGION; hang REGION, or hang REGION WORKER; refuse REGION; kill REGION, or kill REGION WORKER; ' +
          'slow REGION REGION 80ms; clock +8d; heal; status.',
      ],
    ] as const) {
      const { code, out, err } = await faults(directory, ...words)
      expect({ code, out, err: err.replace(/\n$/, '') }).toEqual({ code: 1, out: '', err: says })
    }
    expect((await faults(directory)).out).toBe('all regions are up\n')
    service.signal('SIGINT')
    await service.exited
  }))

test('without a service it says so', () =>
  withDirectory(async (directory) => {
    expect(await faults(directory, 'heal')).toEqual({
      code: 1,
      out: '',
      err: `No Vaultspan service uses ${directory}; start one with npm start, or name its directory with --data.\n`,
    })
  }))

test('a directory whose name is too long for a socket works all the same', () =>
  withDirectory(async (directory) => {
    const long = join(directory, 'a'.repeat(60), 'b'.repeat(60))
    mkdirSync(long, { recursive: true })
    const path = faultSocketPath(long)
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100)
    const service = startService(long, await freeBase())
    await isReady(service)
    expect((statSync(join(path, '..')).mode & 0o777).toString(8)).toBe('700')
    expect(await faults(long, 'status')).toMatchObject({ code: 0, out: 'all regions are up\n' })
    service.signal('SIGINT')
    expect(await service.exited).toBe(0)
  }))
