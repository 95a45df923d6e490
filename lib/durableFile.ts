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
export function writeFileDurably(
  file: string,
  content: string | Uint8Array,
  { mode, isNew }: DurableFile,
  system: FileSystem = { link: linkSync, chmod: fchmodSync },
): boolean {
  const directory = dirname(file)
  const draft = join(directory, `.draft-${randomBytes(8).toString('hex')}`)
  try {
    writeWhole(draft, content, mode, system)
    if (isNew !== true) renameSync(draft, file)
    else if (!isPut(draft, file, content, mode, system)) return false
  } catch (cause) {
    throw diskRefusal(cause, file)
  } finally {
    rmSync(draft, { force: true })
  }
  syncDirectory(directory)
  return true
}

/** What FAT and exFAT refuse. */
interface FileSystem {
  readonly link: typeof linkSync
  readonly chmod: typeof fchmodSync
}

/** Under a name that nothing has. */
function writeWhole(file: string, content: string | Uint8Array, mode: number, system: FileSystem): void {
  const descriptor = openSync(file, 'wx', mode)
  try {
    try {
      system.chmod(descriptor, mode)
    } catch (cause) {
      // It is our own file: there are no modes here.
      if (!isUnsupported(cause)) throw cause
    }
    writeFileSync(descriptor, content)
    fsyncSync(descriptor)
  } catch (cause) {
    rmSync(file, { force: true })
    throw cause
  } finally {
    closeSync(descriptor)
  }
}

/** A link never takes the place of what is there: of two processes at once, one wins. */
function isPut(draft: string, file: string, content: string | Uint8Array, mode: number, system: FileSystem): boolean {
  try {
    try {
      system.link(draft, file)
    } catch (cause) {
      if (!isUnsupported(cause)) throw cause
      // Nothing is replaced so either; a crash may leave it cut off.
      writeWhole(file, content, mode, system)
    }
    return true
  } catch (cause) {
    // A link of somebody's that leads nowhere is in the way, too.
    const isTaken =
      (cause as NodeJS.ErrnoException).code === 'EEXIST' &&
      statSync(file, { throwIfNoEntry: false })?.isFile() !== false
    if (isTaken) return false
    throw cause
  }
}

function isUnsupported(cause: unknown): boolean {
  const { code = '' } = cause as NodeJS.ErrnoException
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)
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
