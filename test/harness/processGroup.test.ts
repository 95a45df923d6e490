import { join } from 'node:path'
import { endAll, startGroup } from './processGroup.ts'
import { until } from './until.ts'

const options = { env: process.env, cwd: import.meta.dirname }
/** A shell and its child, neither of which ends by itself. */
const endless = ['sh', ['-c', 'sleep 1000 & echo up; wait']] as const
const module = JSON.stringify(join(import.meta.dirname, 'processGroup.ts'))
const starting = `
  const { startGroup } = await import(${module})
  const { child, ended } = startGroup('sh', ['-c', 'sleep 1000 & echo up; wait'], { env: process.env, cwd: '.' })
  child.stdout.once('data', () => console.log(child.pid))
  setInterval(() => undefined, 1000)`
const forking = `
  const { fork } = await import('node:child_process')
  fork('-', [], { execArgv: ['--input-type=module', '-e', ${JSON.stringify(starting)}] })`

function isThere(group: number): boolean {
  try {
    return process.kill(-group, 0)
  } catch {
    return false
  }
}

test('what a test has left running is ended with all that it has started, and named', async () => {
  const { child, ended } = startGroup(...endless, options)
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await expect(endAll()).rejects.toThrow('The test left running:\nsh -c sleep 1000 & echo up; wait')
  expect(await ended).toBe('SIGKILL')
  await until(() => !isThere(child.pid ?? 0))
  await endAll()
})

test.each([
  ['its process', starting],
  ['the command that has started that', forking],
])('what a test has started ends where %s is killed', async (_, program) => {
  const { child, ended } = startGroup(process.execPath, ['--input-type=module', '-e', program], options)
  const group = await new Promise<number>((resolve) => {
    child.stdout.once('data', (text) => {
      resolve(Number(text))
    })
  })
  expect(isThere(group)).toBe(true)
  child.kill('SIGKILL')
  await until(() => !isThere(group))
  await ended
})

test('a program that is not there has ended', async () => {
  expect(await startGroup('/nowhere/program', [], options).ended).toContain('ENOENT')
})
