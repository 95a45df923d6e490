import { isKmsError } from '../../errors.ts'
import type { Replacing } from './backupStore.ts'

/** Whether an object may go that is at hand. */
export function isReplaceable(found: string, replacing: Replacing | undefined): boolean {
  if (replacing === undefined) return true
  return Buffer.byteLength(found) <= replacing.maxBytes && replacing.mayReplace(found)
}

/** The same for one that is still to be read: undefined where there is none, false where it may not go. */
export async function judgeStored<T extends { readonly text: string }>(
  replacing: Replacing,
  read: (maxBytes: number) => Promise<T | undefined>,
): Promise<T | false | undefined> {
  try {
    const found = await read(replacing.maxBytes)
    return found === undefined || replacing.mayReplace(found.text) ? found : false
  } catch (cause) {
    if (isKmsError(cause, 'payloadTooLarge')) return false
    throw cause
  }
}
