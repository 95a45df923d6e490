import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { diskRefusal } from '../../diskRefusal.ts'
import { writeFileDurably } from '../../durableFile.ts'
import { KmsError } from '../../errors.ts'
import type { ObjectRoot } from './backupStore.ts'
import { requireUtf8, tooLarge } from './boundedText.ts'
import { judgeStored } from './replacing.ts'

/** Objects as files below a directory, readable by their owner only. After a crash there is the old file or the new one. */
export function directoryRoot(directory: string): ObjectRoot {
  const read = (path: string, maxBytes: number) => readFile(join(directory, ...path.split('/')), maxBytes)
  return {
    put: async (path, text, replacing) => {
      const file = join(directory, ...path.split('/'))
      try {
        for (;;) {
          const found =
            replacing === undefined
              ? { text: '' }
              : await judgeStored(replacing, async (maxBytes) => {
                  const there = await read(path, maxBytes)
                  return there === undefined ? undefined : { text: there }
                })
          if (found === false) return false
          await mkdir(dirname(file), { recursive: true, mode: 0o700 })
          if (writeFileDurably(file, text, { mode: 0o600, isNew: found === undefined })) return true
        }
      } catch (cause) {
        if (!isInTheWay(cause)) throw diskRefusal(cause)
        throw new KmsError(
          'invalidParameter',
          'backupLocation.objectName lies below another object, or another lies below it; name it otherwise.',
          { cause },
        )
      }
    },
    get: read,
  }
}

async function readFile(file: string, maxBytes: number): Promise<string | undefined> {
  try {
    const handle = await open(file, 'r')
    try {
      const found = await handle.stat()
      if (!found.isFile()) return undefined
      if (found.size > maxBytes) throw tooLarge(maxBytes)
      return requireUtf8(await handle.readFile())
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
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
