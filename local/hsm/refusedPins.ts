import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import type { RefusedPins } from '../../lib/hsm/pkcs11/tokenOptions.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** A first start that fails takes back what it made, but for this. */
export const refusedPinsSuffix = '.pin-refused'

const schema = v.object({ pinFile: v.string(), tokens: v.array(v.string()) })

/**
 * Which tokens have refused the PIN of this file, kept in a file beside the region's state: a process that is started again and
 * again must not lock them. Nothing of the PIN stands in it: once the PIN's file is written anew, it says nothing any more.
 */
export function refusedPins(pinFile: string, file: string): RefusedPins {
  const known = (): readonly string[] => {
    if (!existsSync(file)) return []
    const parsed = v.safeParse(schema, contentOf(file))
    return parsed.success && parsed.output.pinFile === markOf(pinFile) ? parsed.output.tokens : []
  }
  return {
    isKnown: (label) => known().includes(label),
    note: (label) => {
      const content = { pinFile: markOf(pinFile), tokens: [...new Set([...known(), label])] }
      writeFileDurably(file, JSON.stringify(content), { mode: 0o600 })
    },
  }
}

/** Each token of the region takes the PIN now. */
export function forgetRefusedPins(data: string, region: string): void {
  rmSync(join(data, 'hsm', `${region}${refusedPinsSuffix}`), { force: true })
}

function markOf(pinFile: string): string {
  const { mtimeMs, size, ino } = statSync(pinFile)
  return `${mtimeMs} ${size} ${ino}`
}

function contentOf(file: string): unknown {
  try {
    return parseJson(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw cause
  }
}
