import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { KmsError } from '../../kms/errors.ts'
import type { ObjectRoot } from './backupStore.ts'

/** Objects as files below a directory, readable by their owner only. After a crash there is the old file or the new one. */
export function directoryRoot(directory: string): ObjectRoot {
  return {
    put: async (path, text) => {
      const file = join(directory, ...path.split('/'))
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
    },
    get: async (path, maxBytes) => {
      try {
        const handle = await open(join(directory, ...path.split('/')), 'r')
        try {
          const { size } = await handle.stat()
          if (size > maxBytes) throw new KmsError('payloadTooLarge', `A backup has at most ${maxBytes} bytes.`)
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

/** A name that is a directory, or below a file, is no object either. */
function isMissing(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')
}
