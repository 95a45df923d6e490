import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { planted, type SeededFault } from './seededFault.ts'

/** Loaded before everything else (`node --import`): one source file comes with the fault that SEEDED_FAULT names. */
const fault = JSON.parse(process.env['SEEDED_FAULT'] ?? 'null') as SeededFault | null
const root = join(import.meta.dirname, '..', '..')

if (fault !== null) {
  const place = pathToFileURL(join(root, fault.file)).href
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      return url === place
        ? { ...loaded, source: planted(fault, readFileSync(join(root, fault.file), 'utf8')) }
        : loaded
    },
  })
}
