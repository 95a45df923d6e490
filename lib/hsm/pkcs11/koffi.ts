import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'
import { UserError } from '../../userError.ts'

let loaded: typeof Koffi | undefined

/**
 * Koffi calls functions of C libraries (decision 11). It is an optional dependency: nobody needs it who does not set
 * HSM=pkcs11, and it is looked for only then. @throws UserError where it is not installed.
 */
export function koffi(): typeof Koffi {
  if (loaded !== undefined) return loaded
  if (process.platform === 'win32') throw new UserError('HSM=pkcs11 does not work on Windows yet.')
  try {
    loaded = createRequire(import.meta.url)('koffi') as typeof Koffi
    return loaded
  } catch (cause) {
    throw new UserError('HSM=pkcs11 needs the package koffi, which is not installed. Run npm install koffi.', { cause })
  }
}
