import { mkdirSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

type Environment = Record<string, string | undefined>

/**
 * Where V8 may keep what it has compiled, so that the next start need not; undefined: nowhere. INVARIANT: a directory that is
 * the user's own and that nobody else can write to: what lies there is run.
 */
export function cacheDirectory(environment: Environment, home: string): string | undefined {
  const { XDG_CACHE_HOME: caches = '' } = environment
  const directory = join(isAbsolute(caches) ? caches : join(home, '.cache'), 'vaultspan')
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const { uid, mode } = statSync(directory)
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? directory : undefined
  } catch {
    // Nothing is lost but time.
    return undefined
  }
}

/**
 * For what this process loads from here on, and for the processes and threads that it starts. Whoever has said something of
 * Node's compile cache by its own variables, NODE_COMPILE_CACHE or NODE_DISABLE_COMPILE_CACHE, is left alone.
 */
export function useCompileCache(environment: Environment = process.env): void {
  if (environment['NODE_COMPILE_CACHE'] !== undefined || environment['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return
  const directory = cacheDirectory(environment, homedir())
  if (directory === undefined) return
  enableCompileCache(directory)
  environment['NODE_COMPILE_CACHE'] = directory
}
