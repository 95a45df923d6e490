import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { directoryRoot } from '../../lib/store/backups/directoryRoot.ts'
import { memoryRoot } from '../../lib/store/backups/memoryRoot.ts'
import { rootContract } from './rootContract.ts'

const made: string[] = []
const newDirectory = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vaultspan-backups-'))
  made.push(directory)
  return directory
}
afterAll(async () => {
  for (const directory of made) await rm(directory, { recursive: true, force: true })
})

rootContract('memory', async () => memoryRoot())
rootContract('a directory', async () => directoryRoot(await newDirectory()))

test('files are readable by their owner only, and nothing half-written is left beside them', async () => {
  const directory = await newDirectory()
  await directoryRoot(directory).put('t/ns/b/o', 'text')
  expect(await readdir(directory, { recursive: true })).toEqual(['t', 't/ns', 't/ns/b', 't/ns/b/o'])
  const modes = ['t', 't/ns/b', 't/ns/b/o'].map(async (path) => (await stat(join(directory, path))).mode & 0o777)
  expect(await Promise.all(modes)).toEqual([0o700, 0o700, 0o600])
})

test.each([
  ['below another', 't/b/o/p'],
  ['above another', 't/b'],
])('in a directory an object that would lie %s is the caller’s mistake', async (_where, path) => {
  const root = directoryRoot(await newDirectory())
  await root.put('t/b/o', 'text')
  await expect(root.put(path, 'more')).rejects.toMatchObject({ code: 'invalidParameter' })
  expect(await root.get('t/b/o', 100)).toBe('text')
})
