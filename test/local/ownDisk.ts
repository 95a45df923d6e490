import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startProgram } from './startedService.ts'

/** A disk of a size that one chooses, for one process and its children: a file system in memory, in a namespace of its own. */
const ownDisk = ['--user', '--map-root-user', '--mount', 'sh', '-c']
const canMount = spawnSync('unshare', [...ownDisk, 'mount -t tmpfs none /mnt']).status === 0
const main = join(import.meta.dirname, '..', '..', 'local', 'main.ts')

/** Tests that need such a disk: neither root nor a mount of the machine's, but a system that lets users have namespaces. */
export const testOnDisk = canMount ? test : test.skip

/** Runs a command with a disk of this size at `disk`; what lies on it when the command has ended is in `out`, after what that says. */
export async function runOnDisk(disk: string, size: string, words: readonly string[], environment: object = {}) {
  mkdirSync(disk, { recursive: true })
  const script = `mount -t tmpfs -o size=${size} none "$0" && { "$@"; code=$?; ls -A "$0"; exit $code; }`
  const program = [...ownDisk, script, disk, process.execPath, main, ...words]
  const started = startProgram('unshare', program, environment)
  // Comes only when no process is left that writes to its output.
  return { code: await started.exited, ...started.said }
}
