import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { UserError } from '../../lib/userError.ts'

/** A Unix socket's path ends at about 107 bytes; a longer one moves to the temporary directory, under a name of its own. */
const maxPathBytes = 100

/** Where a socket of the service in a data directory lies. */
export function socketPath(directory: string, name: string): string {
  const path = join(resolve(directory), name)
  if (Buffer.byteLength(path) <= maxPathBytes) return path
  const digest = createHash('sha256').update(path).digest('hex').slice(0, 16)
  return join(tmpdir(), `vaultspan-${userInfo().uid}`, `${digest}.sock`)
}

/**
 * Listens on a Unix socket that only its owner can open. INVARIANT: whoever listens holds the lock of what the socket
 * belongs to, so one that is there was left by a process that died. Resolves with what closes it and removes it.
 */
export async function listenPrivately(server: Server, directory: string, name: string): Promise<() => Promise<void>> {
  const path = socketPath(directory, name)
  if (!path.startsWith(resolve(directory))) requirePrivate(join(path, '..'))
  rmSync(path, { force: true })
  const umask = process.umask(0o177)
  try {
    await new Promise<void>((ready, failed) => {
      server.once('error', failed)
      server.listen(path, ready)
    })
  } finally {
    process.umask(umask)
  }
  chmodSync(path, 0o600)
  return async () => {
    await new Promise((done) => server.close(done))
    rmSync(path, { force: true })
  }
}

/** Anybody may make a directory in the temporary one: whose it is must be looked at before a socket is put there. */
function requirePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  const isMine = found.uid === userInfo().uid || process.platform === 'win32'
  if (found.isDirectory() && isMine && (found.mode & 0o077) === 0) return
  throw new UserError(`${folder} must be a directory that only you can open; remove it or set its mode to 0700.`)
}
