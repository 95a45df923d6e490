import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askFaultServer } from '../../local/control/faultServer.ts'
import { freeBase } from './freePorts.ts'
import { isReady, run, startService, withDirectory } from './startedService.ts'

function ticks(out: string): number {
  return out.split('\n').filter((line) => line.includes('✓')).length
}

const steps = 17

test('the tour passes twice in a row, after a kill -9, and where a region was left cut off', () =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    let service = startService(directory, base)
    const tour = () => run('local/main.ts', ['tour', '--data', directory])
    try {
      await isReady(service)
      for (let round = 0; round < 2; round += 1) {
        const { code, out, err } = await tour()
        expect({ code, err, ticks: ticks(out) }).toEqual({ code: 0, err: '', ticks: steps })
      }
      service.signal('SIGKILL')
      await service.exited
      service = startService(directory, base)
      await isReady(service)
      await askFaultServer(directory, 'cut us-ashburn-1')
      const { code, out } = await tour()
      expect({ code, ticks: ticks(out) }).toEqual({ code: 0, ticks: steps })
      expect(out).toContain('Was healed first: us-ashburn-1 is cut off.')
      expect(await askFaultServer(directory, 'status')).toBe('ok: all regions are up')
    } finally {
      service.signal('SIGKILL')
      await service.exited
    }
  }))

test('where no service runs the tour starts one of its own, and leaves nothing behind', () =>
  withDirectory(async (directory) => {
    const TMPDIR = join(directory, 'tmp')
    mkdirSync(TMPDIR)
    const { code, out, err } = await run('local/main.ts', ['tour', '--data', join(directory, 'none')], { TMPDIR })
    expect({ code, err, ticks: ticks(out) }).toEqual({ code: 0, err: '', ticks: steps })
    expect(out).not.toContain('\u001b')
    // Other suites' tours lie in the system's own place for what is temporary.
    expect(readdirSync(TMPDIR)).toEqual([])
  }))

test('a step that fails is crossed, with one line that says why, and the exit code is 1', () =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    const service = startService(directory, base)
    try {
      await isReady(service)
      const endpoints = join(directory, 'endpoints.json')
      // Nobody listens at the base's last port.
      writeFileSync(endpoints, readFileSync(endpoints, 'utf8').replace(`:${base}"`, `:${base + 99}"`))
      const { code, out } = await run('local/main.ts', ['tour', '--data', directory])
      expect(code).toBe(1)
      expect(out).toMatch(new RegExp(`✗ Create a virtual private vault +\\d+ ms +no answer from .*:${base + 99}`))
      expect(out.trim().split('\n').at(-1)).toMatch(/^The tour ended early: no answer from /)
    } finally {
      service.signal('SIGKILL')
      await service.exited
    }
  }))

test('a service of one region is told so in one line', () =>
  withDirectory(async (directory) => {
    const service = startService(directory, await freeBase(), ['--regions', 'us-ashburn-1'])
    try {
      await isReady(service)
      const { code, out, err } = await run('local/main.ts', ['tour', '--data', directory])
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(/^The tour needs two regions[^\n]+\n$/)
    } finally {
      service.signal('SIGKILL')
      await service.exited
    }
  }))
