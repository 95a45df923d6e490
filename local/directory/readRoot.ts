import type { KeyObject } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { p384PublicKey } from '../../lib/hsm/primitives/p384.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { textOf } from '../textOf.ts'

/** A tenancy's root, from whatever the service writes it into; undefined where no root is in there. @throws UserError */
export function readRoot(path: string): KeyObject | undefined {
  const isFolder = existsSync(path) && statSync(path).isDirectory()
  const file = isFolder ? join(path, 'tenancyRoot.pem') : path
  if (!existsSync(file)) throw new UserError(`There is no ${file}: name the tenancy's root.`)
  const text = textOf(file)
  return p384PublicKey(text) ?? p384PublicKey(trustRootIn(text))
}

function trustRootIn(json: string): string {
  try {
    const { trustRoot } = parseJson(json) as { readonly trustRoot?: unknown }
    return typeof trustRoot === 'string' ? trustRoot : ''
  } catch {
    return ''
  }
}
