import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { recoveryKeySchema, type RecoveryKey } from '../../lib/hsm/recovery/recoveryKey.ts'
import { isAsMade } from '../../lib/hsm/recovery/signedRecovery.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'

/** Beside the regions' states; nothing of it is secret. */
export function recoveryFile(data: string): string {
  return join(data, 'hsm', 'recovery.json')
}

/** What the ceremony left, as it left it; undefined where there was none. @throws UserError */
export function recoveryOf(data: string): RecoveryKey | undefined {
  const file = recoveryFile(data)
  if (!existsSync(file)) return undefined
  const parsed = v.safeParse(recoveryKeySchema, contentOf(file))
  if (parsed.success && isAsMade(parsed.output)) return parsed.output
  throw new UserError(
    `${file} is damaged, or of another version: what is backed up with it could not be restored. Put another copy there; every earlier backup of hsm backup has one as its member "recovery".`,
  )
}

/** Such a file, or a backup, which has a copy of it; the shares prove which is right. @throws UserError */
export function recoveryCopyIn(file: string): RecoveryKey {
  const content = contentOf(file)
  for (const schema of [
    recoveryKeySchema,
    v.pipe(
      inBackup,
      v.transform(({ recovery }) => recovery),
    ),
  ]) {
    const parsed = v.safeParse(schema, content)
    if (parsed.success) return parsed.output
  }
  throw new UserError(`${file} is no recovery.json of a ceremony, and no backup that has one.`)
}

const inBackup = v.looseObject({ recovery: recoveryKeySchema })

function contentOf(file: string): unknown {
  try {
    return parseJson(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw new UserError(`${file} cannot be read.`, { cause })
  }
}
