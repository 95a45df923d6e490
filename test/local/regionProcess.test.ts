import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InboxGate } from '../../local/processes/inboxGate.ts'
import { PeerSocket, serveInbox } from '../../local/processes/peerSocket.ts'
import { RegionProcess } from '../../local/processes/regionProcess.ts'
import { startProgram } from './startedService.ts'

const region = 'us-ashburn-1'

test('a process that ends again while it is started is told of once, in a line', async () => {
  const lines: (readonly unknown[])[] = []
  const log = { info: () => undefined, warn: () => undefined, error: (...line: unknown[]) => lines.push(line) }
  const notAsked = () => Promise.reject(new Error('not asked'))
  const services = { portOf: notAsked, isBehind: notAsked }
  let starts = 0
  let isUp: () => void = () => undefined
  const up = new Promise<void>((resolve) => {
    isUp = resolve
  })
  const process: RegionProcess = new RegionProcess({
    name: region,
    services,
    log,
    restarted: async () => {
      starts += 1
      if (starts > 1) {
        isUp()
        return
      }
      const answer = process.commands.selfTest()
      process.kill()
      await answer
    },
  })
  process.start()
  process.keep()
  process.kill()
  await up
  const ended = ['The process of a region ended; it is started again.', 'SIGKILL', { region }]
  expect(lines).toEqual([ended, ended])
  process.ending()
  process.kill()
})

test('what a region answers to a process that is gone is not an error of its own', async () => {
  const module = pathToFileURL(join(import.meta.dirname, '../../local/processes/sendToParent.ts')).href
  const answering = `import { sendToParent } from '${module}'; process.disconnect(); sendToParent({}); setTimeout(() => console.log('goes on'), 10)`
  const starting = `require('node:child_process').spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(answering)}], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })`
  const program = startProgram(process.execPath, ['-e', starting])
  await program.exited
  expect(program.said).toEqual({ out: 'goes on\n', err: '' })
})

test('a region that does not listen for its clients yet takes messages, and is not called answering', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-test-'))
  mkdirSync(join(directory, 'regions'))
  const taken: string[] = []
  let serves = false
  const close = await serveInbox(directory, region, {
    queues: {
      send: async (_, messages) => {
        taken.push(...messages.map(({ body }) => body))
      },
    },
    gate: new InboxGate(),
    judge: async () => undefined,
    serves: () => serves,
  })
  const peer = new PeerSocket(directory, region)
  try {
    await peer.send('inbox', [{ body: 'a' }])
    await expect(peer.send('inbox', [])).rejects.toThrow(/does not listen for its clients yet/)
    serves = true
    await peer.send('inbox', [])
    expect(taken).toEqual(['a'])
  } finally {
    peer.close()
    await close()
    rmSync(directory, { recursive: true })
  }
})
