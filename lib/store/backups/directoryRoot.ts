import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { KmsError } from '../../errors.ts'
import type { ObjectRoot } from './backupStore.ts'
import { tooLarge } from './boundedText.ts'

/** Objects as files below a directory, readable by their owner only. After a crash there is the old file or the new one. */
export function directoryRoot(directory: string): ObjectRoot {
  return {
    put: async (path, text) => {
      try {
        await replaceFile(join(directory, ...path.split('/')), text)
      } catch (cause) {
        if (!isInTheWay(cause)) throw cause
        throw new KmsError(
          'invalidParameter',
          'backupLocation.objectName lies below another object, or another lies below it; name it otherwise.',
          { cause },
        )
      }
    },
    get: async (path, maxBytes) => {
      try {
        const handle = await open(join(directory, ...path.split('/')), 'r')
        try {
          const found = await handle.stat()
          if (!found.isFile()) return undefined
          if (found.size > maxBytes) throw tooLarge(maxBytes)
          return await handle.readFile('utf8')
        } finally {
          await handle.close()
        }
      } catch (cause) {
        if (isMissing(cause)) return undefined
        throw cause
      }
    },
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Buckets allow it, directories cannot. */
function isInTheWay(cause: unknown): boolean {
  return ['ENOTDIR', 'EEXIST', 'EISDIR'].includes(codeOf(cause))
}

/** A name that is a directory, or below a file, is no object either. */
function isMissing(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(cause))
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? ''
}
