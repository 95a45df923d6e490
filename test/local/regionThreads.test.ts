import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makersAtOnce } from '../../lib/hsm/software/poolShare.ts'
import { RegionProcess } from '../../local/processes/regionProcess.ts'
import { until } from '../harness/until.ts'
import { run, withDirectory } from './startedService.ts'

/** Run by Node before the program itself. */
const telling = (how: string) => `--import=data:text/javascript,${encodeURIComponent(how)}`
const threads = 'String(process.env.UV_THREADPOOL_SIZE)'

describe('the threads of a region’s process for what is not done in an event loop', () => {
  const before = { ...process.env }

  afterEach(() => {
    for (const name of ['NODE_OPTIONS', 'UV_THREADPOOL_SIZE', 'HSM'] as const) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = before[name]
    }
  })

  test.each([
    ['128', undefined, 'pkcs11'],
    ['9', '9', 'pkcs11'],
    ['undefined', undefined, 'simulated'],
  ])('are %s where UV_THREADPOOL_SIZE is %s and HSM is %s', (expected, set, hsm) =>
    withDirectory(async (directory) => {
      const file = join(directory, 'threads')
      const write = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(file)}, ${threads})`
      process.env['NODE_OPTIONS'] = telling(write)
      process.env['HSM'] = hsm
      if (set !== undefined) process.env['UV_THREADPOOL_SIZE'] = set
      const notAsked = () => Promise.reject(new Error('not asked'))
      const region = new RegionProcess({
        name: 'us-ashburn-1',
        services: { portOf: notAsked, isBehind: notAsked },
        log: { info: () => undefined, warn: () => undefined, error: () => undefined },
        restarted: notAsked,
      })
      region.start()
      const told = () => (existsSync(file) ? readFileSync(file, 'utf8') : '')
      await until(async () => told() !== '')
      region.ending()
      region.kill()
      expect(told()).toBe(expected)
    }),
  )

  test('are as many where all regions are in one process', async () => {
    const options = telling(`process.on('exit', () => console.log(${threads}))`)
    const ended = await run('local/main.ts', ['start', '--memory', '--init', 'there is none.json'], {
      NODE_OPTIONS: options,
      HSM: 'pkcs11',
    })
    expect(ended).toMatchObject({ code: 1, out: '128\n' })
  })

  test.each([
    [4, 2, 2],
    [128, 2, 2],
    [128, 16, 8],
    [4, 16, 2],
    [1, 1, 1],
  ])('of %d threads, with %d cores, %d make keys at once', (count, cores, makers) => {
    expect(makersAtOnce(count, cores)).toBe(makers)
  })
})
