import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import type * as Koffi from 'koffi'
import { UserError } from '../../../userError.ts'

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
    const says = 'HSM=pkcs11 needs the package koffi, which is not installed where Vaultspan looks for it.'
    throw new UserError(`${says} Run ${koffiCommand(import.meta.dirname)}`, { cause })
  }
}

/**
 * What installs koffi where a module in this directory finds it: beside a package that npm has installed, for the whole
 * machine or in a project; into one that was unpacked by hand, and into a checkout.
 */
export function koffiCommand(directory: string, isThere = existsSync): string {
  const parts = directory.split(sep)
  const at = parts.lastIndexOf('node_modules')
  if (at >= 0) {
    const project = parts.slice(0, at).join(sep)
    return isThere(join(project, 'package.json'))
      ? `npm install --prefix ${project} koffi@3`
      : 'npm install --global koffi@3'
  }
  let root = directory
  while (!isThere(join(root, 'package.json')) && dirname(root) !== root) root = dirname(root)
  return `npm install --prefix ${root} --no-save koffi@3`
}
