import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sideBySide } from './sideBySide.ts'

/** A command of this Node. */
const node = (script: string) => `"${process.execPath}" -e "${script}"`
const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name)

test('what fails is named, with all that it said, and keeps none of the others from running', async () => {
  const told: string[] = []
  const tasks = [
    { name: 'bad', command: node(`console.log('out'); console.error('err'); process.exitCode = 3`) },
    { name: 'killed', command: node(`process.kill(process.pid, 'SIGKILL')`) },
    { name: 'not there', command: 'no-such-command-anywhere' },
    { name: 'good', command: node(`console.log('fine')`) },
  ]
  const ended = await sideBySide(tasks, 1, ({ name }) => told.push(name))
  expect(names(ended.filter(({ isGood }) => !isGood))).toEqual(['bad', 'killed', 'not there'])
  expect(ended[0]?.output.split('\n').toSorted()).toEqual(['', 'err', 'out'])
  expect(ended[3]).toMatchObject({ isGood: true, output: 'fine\n' })
  expect(told).toEqual(names(tasks))
})

test('as many as may run at a time, and the next once one of them has ended', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-side-'))
  const file = join(directory, 'said')
  const tasks = [
    { name: 'first', command: `until [ -e "${file}" ]; do sleep 0.05; done` },
    { name: 'second', command: 'true' },
    { name: 'third', command: `touch "${file}"` },
  ]
  try {
    // One at a time, the first would wait for ever.
    const ended = names(await sideBySide(tasks, 2, () => undefined))
    expect([ended[0], ...ended.slice(1).toSorted()]).toEqual(['second', 'first', 'third'])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
