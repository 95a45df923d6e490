import { constants, mkdirSync } from 'node:fs'
import { copyFile as copy, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskRefusal } from '../../lib/diskRefusal.ts'

/**
 * Copies a whole file, to the medium; its owner's alone. @throws KmsError cannotStore where the disk is full, Error where it
 * was written meanwhile.
 */
export async function copyFile(from: string, to: string): Promise<void> {
  try {
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
    const before = await stampOf(from)
    await copy(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
    if ((await stampOf(from)) !== before) throw new Error(`${from} was written while it was copied; try again.`)
    const file = await open(to, 'r+')
    try {
      await file.chmod(0o600)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw diskRefusal(cause, to)
  }
}

async function stampOf(file: string): Promise<string> {
  const { mtimeNs, size } = await stat(file, { bigint: true })
  return `${mtimeNs} ${size}`
}
