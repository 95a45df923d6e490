import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskRefusal } from '../lib/diskRefusal.ts'

/**
 * A folder and those above it that are missing, for their owner alone; one that is there stays as it is. Each by itself: Node's own `recursive`
 * tries for ever where the file system has no such place and says ENOENT (/proc).
 */
export function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  const above = dirname(path)
  if (above !== path) makeFolder(above)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    // Another process may have made it meanwhile.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw diskRefusal(cause, path)
  }
}
