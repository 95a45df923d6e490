import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'

/** What SoftHSM writes before anything is in a token. */
const ofToken: readonly string[] = ['token.object', 'token.lock', 'generation']

/**
 * Removes a token of SoftHSM that C_InitToken was cut off in, after which it takes no officer's PIN: only one without a user's PIN
 * and without any object. `folder`: of its tokens, in the data directory itself. False, and nothing is done, where it is another.
 */
export function removeUnborn(module: Pkcs11Module, slot: number, folder: string): boolean {
  const { serial, hasUserPin } = module.tokenInfo(slot)
  if (hasUserPin || !/^[0-9a-f]{16}$/.test(serial)) return false
  const [name, another] = readdirSync(folder).filter((each) => each.replaceAll('-', '').endsWith(serial))
  if (name === undefined || another !== undefined) return false
  if (readdirSync(join(folder, name)).some((file) => !ofToken.includes(file))) return false
  rmSync(join(folder, name), { recursive: true })
  return module.restart()
}
