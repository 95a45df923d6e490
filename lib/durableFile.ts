import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { diskRefusal } from './diskRefusal.ts'

export interface DurableFile {
  /** Whatever the umask says. */
  readonly mode: number
  /** What is there is left as it is. */
  readonly isNew?: boolean
}

/**
 * Writes a whole file: readers and a crash see the old one or the new one, and once this returns the new one is on the
 * medium. False where it was to be new and there is one: then nothing is written.
 * @throws KmsError cannotStore where the disk is full.
 */
export function writeFileDurably(file: string, content: string | Uint8Array, { mode, isNew }: DurableFile): boolean {
  const directory = dirname(file)
  const draft = join(directory, `.draft-${randomBytes(8).toString('hex')}`)
  try {
    const descriptor = openSync(draft, 'wx', mode)
    try {
      fchmodSync(descriptor, mode)
      writeFileSync(descriptor, content)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    if (isNew !== true) renameSync(draft, file)
    else if (!isLinked(draft, file)) return false
  } catch (cause) {
    throw diskRefusal(cause)
  } finally {
    rmSync(draft, { force: true })
  }
  syncDirectory(directory)
  return true
}

/** A link never takes the place of what is there: of two processes at once, one wins. */
function isLinked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file)
    return true
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EEXIST' && statSync(file).isFile()
    if (isTaken) return false
    throw cause
  }
}

/** Until then a name may still lead to the old file after a loss of power. */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return // directories cannot be opened there
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
