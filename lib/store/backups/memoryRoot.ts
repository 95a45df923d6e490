import type { ObjectRoot } from './backupStore.ts'
import { tooLarge } from './boundedText.ts'

/** Objects that die with the process, for a cloud in memory. */
export function memoryRoot(objects = new Map<string, string>()): ObjectRoot {
  return {
    put: async (path, text) => {
      objects.set(path, text)
    },
    get: async (path, maxBytes) => {
      const text = objects.get(path)
      if (text !== undefined && Buffer.byteLength(text) > maxBytes) throw tooLarge(maxBytes)
      return text
    },
  }
}
