import type { ObjectRoot } from './backupStore.ts'

/** Objects that die with the process, for a cloud in memory. */
export function memoryRoot(objects = new Map<string, string>()): ObjectRoot {
  return {
    put: async (path, text) => {
      objects.set(path, text)
    },
    get: async (path) => objects.get(path),
  }
}
