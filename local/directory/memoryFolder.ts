import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a directory is that of a cloud in memory: it says where that is reached, and has nothing of the cloud itself. */
export function isMemoryFolder(folder: string): boolean {
  const isThere = (name: string) => existsSync(join(folder, name))
  return isThere('endpoints.json') && !isThere('host.db') && !isThere('regions')
}
