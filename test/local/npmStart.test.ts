import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { freeBase } from './freePorts.ts'
import { isReady, startProgram, withDirectory } from './startedService.ts'

/** npm as a person starts it: the service is its shell's child. */
function npm(...args: readonly string[]) {
  const cli = process.env['npm_execpath']
  return cli === undefined ? startProgram('npm', args) : startProgram(process.execPath, [cli, ...args])
}

test('SIGTERM to npm start stops the service in order', () =>
  withDirectory(async (directory) => {
    const service = npm('start', '--', '--data', directory, '--port', String(await freeBase()))
    await isReady(service)
    const socket = join(directory, 'faults.sock')
    expect(existsSync(socket)).toBe(true)
    service.signal('SIGTERM')
    // Its output ends when the last process that writes to it has ended.
    await service.exited
    expect(existsSync(socket)).toBe(false)
  }))

test('npm start --data DIR without -- starts nothing, and says what to type', () =>
  withDirectory(async (directory) => {
    const data = join(directory, 'data')
    const { said, exited } = npm('start', `--data=${data}`, '--silent')
    expect(await exited).toBe(1)
    expect(said.err).toContain(`Put -- before the flags: npm start -- --data ${data}\n`)
    expect(existsSync(data)).toBe(false)
  }))
