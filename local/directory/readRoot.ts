import type { KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { p384PublicKey } from '../../lib/hsm/primitives/p384.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** A tenancy's root, from whatever the service writes it into; undefined where no root is in there. */
export function readRoot(path: string): KeyObject | undefined {
  const text = readFileSync(statSync(path).isDirectory() ? join(path, 'tenancyRoot.pem') : path, 'utf8')
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
