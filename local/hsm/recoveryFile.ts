import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { recoveryKeySchema, type RecoveryKey } from '../../lib/hsm/recovery/recoveryKey.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'

/** Beside the regions' states; nothing of it is secret. */
export function recoveryFile(data: string): string {
  return join(data, 'hsm', 'recovery.json')
}

/** What the ceremony left; undefined where there was none. @throws UserError */
export function recoveryOf(data: string): RecoveryKey | undefined {
  const file = recoveryFile(data)
  if (!existsSync(file)) return undefined
  const parsed = v.safeParse(recoveryKeySchema, contentOf(file))
  if (parsed.success) return parsed.output
  throw new UserError(`${file} is damaged, or of another version: every backup of hsm backup has a copy of it.`)
}

function contentOf(file: string): unknown {
  try {
    return parseJson(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw cause
  }
}
