import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inTime } from '../harness/processGroup.ts'
import { run, startProgram, withDirectory } from '../local/startedService.ts'
import { freeBase } from '../local/freePorts.ts'

/** What `npm run pack` makes, installed in a project of its own: nothing of this clone is used but its development tools. */

const root = join(import.meta.dirname, '..', '..')
const maxBytes = 1_500_000
const node = process.execPath
const environment = { ...process.env, NODE_OPTIONS: '', NODE_ENV: undefined }
let tarball = ''

/** npm, as whoever runs the tests has it. */
function npm(cwd: string, ...args: readonly string[]): string {
  const cli = process.env['npm_execpath']
  const [program, first] = cli === undefined ? ['npm', []] : [node, [cli]]
  return execFileSync(program, [...first, ...args], { cwd, env: environment, encoding: 'utf8', ...inTime })
}

beforeAll(async () => {
  expect(await run('package/build.ts', [])).toMatchObject({ code: 0 })
  const packed = npm(root, 'pack', '--silent', '--pack-destination', '.build', join('.build', 'package'))
  tarball = join(root, '.build', packed.trim().split('\n').at(-1) ?? '')
})

/** The example with the packed Vaultspan, and this clone's development tools beside it. */
async function inExample(name: string, body: (directory: string) => Promise<void> | void): Promise<void> {
  await withDirectory(async (directory) => {
    cpSync(join(root, 'examples', name), directory, { recursive: true })
    const modules = join(directory, 'node_modules')
    mkdirSync(join(modules, 'vaultspan'), { recursive: true })
    execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'vaultspan'), '--strip-components=1'])
    for (const tool of ['oci-common', 'oci-keymanagement', 'jest', 'typescript', '@types/node', 'undici-types']) {
      mkdirSync(dirname(join(modules, tool)), { recursive: true })
      symlinkSync(join(root, 'node_modules', tool), join(modules, tool))
    }
    await body(directory)
  })
}

test('the package is small, needs nothing beside it, and carries neither sources nor tests', () => {
  expect(statSync(tarball).size).toBeLessThan(maxBytes)
  const list = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  expect(list.filter((name) => name.endsWith('.ts')).sort()).toEqual(['package/dist/vaultspan.d.ts'])
  expect(list.filter((name) => /test|node_modules|\.map$/.test(name))).toEqual([])
  expect(list).toEqual(expect.arrayContaining(['package/README.md', 'package/LICENSE', 'package/dist/cli.js']))
})

test('it tells the licence of every package whose code it carries', () => {
  const told = execFileSync('tar', ['-xzOf', tarball, 'package/THIRD_PARTY_LICENCES.txt'], { encoding: 'utf8' })
  for (const name of ['commander', 'prom-client', 'valibot', '@middy/core', 'oci-keymanagement'])
    expect(told).toMatch(new RegExp(`^${name} \\d.* \\(.+\\)$`, 'm'))
  expect(told).toMatch(/Universal Permissive License|Permission is hereby granted/)
})

/** What a file of the package imports, and what that imports, before its first line runs. */
function loadedWith(dist: string, name: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(name)) return loaded
  loaded.add(name)
  if (!name.startsWith('./')) return loaded
  const text = readFileSync(join(dist, name), 'utf8')
  const imports = /(?:^|[;}])\s*(?:import|export)\s*(?:[^"'();]*?from\s*)?["']([^"']+)["']/gm
  for (const [, from = ''] of text.matchAll(imports)) loadedWith(dist, from, loaded)
  return loaded
}

test.each([
  ['regionMain.js', 8],
  ['workerMain.js', 8],
  ['watchParent.js', 5],
])(
  '%s loads few files at its start, Node’s own modules by require, and as a worker no library of metrics',
  (name, files) => {
    const dist = join(root, '.build', 'package', 'dist')
    const loaded = [...loadedWith(dist, `./${name}`)]
    expect(loaded.filter((each) => !each.startsWith('./'))).toEqual(['node:module'])
    expect(loaded.length).toBeLessThanOrEqual(files)
    const text = loaded
      .flatMap((each) => (each.startsWith('./') ? readFileSync(join(dist, each), 'utf8') : []))
      .join('')
    expect(text.includes('OpenTelemetry') || text.includes('opentelemetry')).toBe(name === 'regionMain.js')
  },
)

test.each([
  ['keeps', {}, 1],
  ['does not keep', { NODE_DISABLE_COMPILE_CACHE: '1' }, 0],
])('its command %s what V8 has compiled of it, unless Node’s variable says no', (_, variables, kept) =>
  withDirectory(async (directory) => {
    const env = { ...environment, NODE_COMPILE_CACHE: undefined, XDG_CACHE_HOME: directory, ...variables }
    const cli = join(root, '.build', 'package', 'dist', 'cli.js')
    execFileSync(node, [cli, 'hosts', '--help'], { env, encoding: 'utf8', ...inTime })
    const cache = join(directory, 'vaultspan')
    expect(existsSync(cache) ? readdirSync(cache).length : 0).toBe(kept)
  }),
)

test('the example of node:test passes', () =>
  inExample('node-test', (directory) => {
    const said = execFileSync(node, ['--test'], { cwd: directory, env: environment, encoding: 'utf8', ...inTime })
    expect(said).toMatch(/pass 1/)
  }))

test('the example of jest passes from CommonJS', () =>
  inExample('jest-commonjs', (directory) => {
    const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
    const { status, stderr } = spawnSync(node, [jest], {
      cwd: directory,
      env: environment,
      encoding: 'utf8',
      ...inTime,
    })
    expect([status, stderr]).toEqual([0, expect.stringContaining('1 passed')])
  }))

test('its types compile without anything else, strictly', () =>
  inExample('node-test', (directory) => {
    writeFileSync(
      join(directory, 'use.mts'),
      `import { startVaultspan, type Vaultspan } from 'vaultspan'
       const kms: Vaultspan = await startVaultspan({ regions: ['us-ashburn-1', 'uk-london-1'] })
       await kms.clock.advance(1000)
       // @ts-expect-error there is no such option
       await startVaultspan({ region: 'x' })
       export const url: string = kms.endpoint()`,
    )
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', 'use.mts']
    expect(() => execFileSync(node, [tsc, ...flags], { cwd: directory, env: environment, ...inTime })).not.toThrow()
  }))

test('two instances run side by side, a clock is moved, and nothing is left of either', () =>
  inExample('node-test', (directory) => {
    const script = `
      import { existsSync } from 'node:fs'
      import { startVaultspan } from 'vaultspan'
      const [a, b] = await Promise.all([startVaultspan(), startVaultspan({ regions: ['eu-frankfurt-1'] })])
      await a.clock.advance(8 * 86_400_000)
      const day = 86_400_000
      const moved = Math.round((a.clock.now() - b.clock.now()) / day)
      const files = [a.configFile, b.configFile]
      const there = files.map((file) => existsSync(file))
      await a.close()
      const answers = (await fetch(b.endpoint() + '/healthz')).status
      await b.close()
      console.log(JSON.stringify({ moved, there, answers, left: files.map((file) => existsSync(file)) }))`
    const said = execFileSync(node, ['--input-type=module', '-e', script], {
      cwd: directory,
      env: environment,
      encoding: 'utf8',
      ...inTime,
    })
    expect(JSON.parse(said)).toEqual({ moved: 8, there: [true, true], answers: 200, left: [false, false] })
  }))

test('vaultspan start serves from the package, each region in a process, and stops', () =>
  inExample('node-test', async (directory) => {
    const cli = join(directory, 'node_modules', 'vaultspan', 'dist', 'cli.js')
    const data = join(directory, 'data')
    const base = await freeBase()
    const service = startProgram(node, [cli, 'start', '--data', data, '--port', String(base)])
    await service.hasSaid('Stop with Ctrl-C.')
    const kill = startProgram(node, [cli, 'faults', 'kill', 'us-phoenix-1', '--data', data])
    expect([await kill.exited, kill.said.err]).toEqual([0, ''])
    expect((await fetch(`http://127.0.0.1:${base}/healthz`)).status).toBe(200)
    service.signal('SIGTERM')
    expect(await service.exited).toBe(0)
    expect(existsSync(join(data, 'faults.sock'))).toBe(false)
    expect(readdirSync(join(data, 'regions')).filter((name) => name.endsWith('.sock'))).toEqual([])
  }))

const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** An instruction of the Containerfile in its JSON form. */
function instruction(pattern: string): readonly string[] {
  return JSON.parse(new RegExp(`^${pattern} (\\[.*\\])$`, 'm').exec(read('Containerfile'))?.[1] ?? '[]') as string[]
}

test('what the image starts serves, is found healthy by its own check, and ends in order', () =>
  inExample('node-test', async (directory) => {
    const cli = join(directory, 'node_modules', 'vaultspan', 'dist', 'cli.js')
    const here = (words: readonly string[]) =>
      words.map((word) =>
        word === '/data' ? join(directory, 'data') : word === '/usr/local/bin/vaultspan' ? cli : word,
      )
    const [program, flags, check] = [
      instruction('ENTRYPOINT'),
      instruction('CMD'),
      instruction('HEALTHCHECK .* CMD'),
    ].map(here)
    const healthy = async () => startProgram(node, check ?? []).exited
    expect(await healthy()).toBe(1)
    const base = await freeBase()
    const service = startProgram(node, [...(program ?? []), ...(flags ?? []), '--port', String(base)])
    await service.hasSaid('Stop with Ctrl-C.')
    expect(await healthy()).toBe(0)
    expect((await fetch(`http://127.0.0.1:${base}/healthz`)).status).toBe(200)
    service.signal('SIGTERM')
    expect(await service.exited).toBe(0)
  }))

test('the flags of compose.single.yaml and of the systemd unit are those of the command line', async () => {
  const [, compose = '[]'] = /^ {4}command: (\[.*\])$/m.exec(read('compose.single.yaml')) ?? []
  const [, unit = ''] = /^ExecStart=vaultspan (.*)$/m.exec(read('deploy/systemd/vaultspan.service')) ?? []
  for (const words of [JSON.parse(compose.replaceAll("'", '"')) as string[], unit.split(' ')]) {
    expect(words.slice(0, 2)).toEqual(['start', '--data'])
    expect(await run('local/main.ts', [...words, '--help'])).toMatchObject({ code: 0, err: '' })
  }
})

test.each([
  [['nope'], 1, "Unknown command 'nope'. Run vaultspan --help.\n"],
  [['start', '--nope'], 1, 'Run vaultspan start --help.\n'],
  [['--version'], 0, ''],
])('vaultspan %j', (args, code, err) =>
  inExample('node-test', async (directory) => {
    const cli = join(directory, 'node_modules', 'vaultspan', 'dist', 'cli.js')
    const asked = startProgram(node, [cli, ...args])
    expect([await asked.exited, asked.said.err]).toEqual([code, expect.stringContaining(err)])
  }),
)
