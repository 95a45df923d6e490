import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BeginningLock } from './beginningLock.ts'
import { HostDirectory } from './hostDirectory.ts'

/** A directory that no other process uses meanwhile, whether a service was started in it or not. */
export interface HeldDirectory {
  /** Undefined where none was yet. */
  readonly host: HostDirectory | undefined
  readonly release: () => void
}

/** Before anything in it is looked at. @throws UserError where another process uses it. */
export function holdDirectory(path: string): HeldDirectory {
  if (path === '' || isThere(path)) return ofHost(path)
  const lock = BeginningLock.take(path)
  const release = () => {
    lock.release()
  }
  if (!isThere(path)) return { host: undefined, release }
  // A first start has made it meanwhile.
  try {
    return ofHost(path)
  } finally {
    release()
  }
}

function isThere(path: string): boolean {
  return existsSync(join(path, 'host.db'))
}

function ofHost(path: string): HeldDirectory {
  const host = new HostDirectory(path)
  return {
    host,
    release: () => {
      host.close()
    },
  }
}
