import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '../../local/compileCache.ts'
import { withDirectory } from './startedService.ts'

test('what V8 has compiled is kept in a directory of the user’s own, made for them alone', () =>
  withDirectory(async (directory) => {
    const made = cacheDirectory({}, directory)
    expect(made).toBe(join(directory, '.cache', 'vaultspan'))
    expect(statSync(made ?? '').mode & 0o777).toBe(0o700)
    const caches = join(directory, 'caches')
    expect(cacheDirectory({ XDG_CACHE_HOME: caches }, directory)).toBe(join(caches, 'vaultspan'))
    expect(cacheDirectory({ XDG_CACHE_HOME: 'not/absolute' }, directory)).toBe(made)
  }))

test.each([0o777, 0o770, 0o702])('a directory that others may write to is not used (%o)', (mode) =>
  withDirectory(async (directory) => {
    const cache = join(directory, '.cache', 'vaultspan')
    mkdirSync(cache, { recursive: true })
    chmodSync(cache, mode)
    expect(cacheDirectory({}, directory)).toBe(undefined)
  }),
)

test('where nothing can be made, nothing is kept and nothing said', () =>
  withDirectory(async (directory) => {
    writeFileSync(join(directory, '.cache'), '')
    expect(cacheDirectory({}, directory)).toBe(undefined)
  }))
