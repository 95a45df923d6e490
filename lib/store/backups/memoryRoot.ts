import type { ObjectRoot } from './backupStore.ts'
import { tooLarge } from './boundedText.ts'
import { isReplaceable } from './replacing.ts'

/** Objects that die with the process, for a cloud in memory. */
export function memoryRoot(objects = new Map<string, string>()): ObjectRoot {
  return {
    put: async (path, text, replacing) => {
      const found = objects.get(path)
      if (found !== undefined && !isReplaceable(found, replacing)) return false
      objects.set(path, text)
      return true
    },
    get: async (path, maxBytes) => {
      const text = objects.get(path)
      if (text !== undefined && Buffer.byteLength(text) > maxBytes) throw tooLarge(maxBytes)
      return text
    },
  }
}
