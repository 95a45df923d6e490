import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freeBase } from './freePorts.ts'
import { address, home, introduce, other, withMachines } from './machines.ts'
import { run, withDirectory } from './startedService.ts'

const preloads = ['atStart.mjs', 'heldReceive.mjs'].map(
  (file) => `--import=${pathToFileURL(join(import.meta.dirname, file)).href}`,
)

/** Runs to its end, which comes only when no process is left that writes to its output. */
function startWhere(what: string, ...args: readonly string[]) {
  return run('local/main.ts', args, { NODE_OPTIONS: preloads.join(' '), AT_START: what, LOG_LEVEL: 'error' })
}

/** One line, exit code 1, and nothing said as if it ran. */
function oneLine(pattern: RegExp) {
  return { code: 1, out: '', err: expect.stringMatching(new RegExp(`^${pattern.source}\n$`)) as string }
}

describe('a cloud on one machine', () => {
  test.each([home, other])('whose region %s has a process that dies at the start makes nothing', (region) =>
    withDirectory(async (parent) => {
      const data = join(parent, 'data')
      const started = await startWhere(`${region} die`, 'start', '--data', data, '--port', String(await freeBase()))
      expect(started).toEqual(oneLine(new RegExp(`[^\\n]*${region}[^\\n]*ended \\(7\\)[^\\n]*`)))
      expect(existsSync(data)).toBe(false)
    }),
  )

  test('whose port is taken after it was looked at, by a process that it starts itself, makes nothing', () =>
    withDirectory(async (parent) => {
      const [data, base] = [join(parent, 'data'), await freeBase()]
      const what = `${other} take ${base + 1} 127.0.0.1`
      const started = await startWhere(what, 'start', '--data', data, '--port', String(base))
      expect(started).toEqual(oneLine(new RegExp(`Port ${base + 1} is taken by another process[^\\n]*`)))
      expect(existsSync(data)).toBe(false)
    }))
})

describe('a region on a machine of its own', () => {
  test('says in one line that its process died, that its own or its inbox’s port is taken; then it starts', () =>
    withMachines(async (machines) => {
      await introduce(machines)
      const words = ['region', 'start', '--data', machines.data(home)]
      expect(await startWhere(`${home} die`, ...words)).toEqual(
        oneLine(new RegExp(`[^\\n]*${home} ended \\(7\\)[^\\n]*`)),
      )
      for (const port of [machines.port, machines.port + 1]) {
        const what = `${home} take ${port} ${address[home]}`
        const taken = await startWhere(what, ...words)
        expect(taken).toMatchObject({ code: 1, out: '' })
        expect(taken.err).toMatch(new RegExp(`^[^\\n]*${port}[^\\n]*\n$`))
      }
      await machines.start(home)
    }))
})
