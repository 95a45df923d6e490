import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import type { TokenOwner } from '../../lib/hsm/pkcs11/roots/ownerMark.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { typed } from '../typed.ts'
import { areTokensWithin } from './softHsmConfig.ts'

/** Below hsm/. In no snapshot: what is restored is another directory. */
export const ownerFileName = 'owner.json'

const schema = v.object({
  format: v.literal('vaultspan/token-owner/1'),
  id: v.string(),
  /** The directory came out of a snapshot: what another has may be in use there. */
  isRestored: v.exactOptional(v.boolean()),
})

type Owner = v.InferOutput<typeof schema>

/**
 * Who this directory is to its tokens; undefined where they lie in it, and are copied with it. After useOwnTokens. Written down
 * when the first token is marked. @throws UserError
 */
export function tokenOwner(data: string): TokenOwner | undefined {
  if (areTokensWithin(data)) return undefined
  const file = ownerFile(data)
  const known = () => (existsSync(file) ? read(file) : undefined)
  return {
    get id() {
      return known()?.id ?? ''
    },
    path: existsSync(data) ? realpathSync(data) : resolve(data),
    adopts: known()?.isRestored !== true,
    howToTake: typed('hsm', 'take', '--data', data),
    keep: () => {
      if (!existsSync(file)) put(file, { isNew: true }, {})
    },
  }
}

/** Of a directory that a restore makes: another than the one that the snapshot was taken of. */
export function beginAsRestored(data: string): void {
  put(ownerFile(data), { isNew: false }, { isRestored: true })
}

/** Whoever had its tokens before does not run any more. */
export function beginAsOwner(data: string): TokenOwner | undefined {
  if (areTokensWithin(data)) return undefined
  put(ownerFile(data), { isNew: false }, {})
  return tokenOwner(data)
}

function ownerFile(data: string): string {
  return join(data, 'hsm', ownerFileName)
}

function read(file: string): Owner {
  const parsed = v.safeParse(schema, contentOf(file))
  if (parsed.success) return parsed.output
  throw new UserError(
    `${file} is damaged, or of another version. Put it back from a copy of this very directory, or remove it and give the tokens to the directory anew (hsm take).`,
  )
}

function contentOf(file: string): unknown {
  try {
    return parseJson(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Two processes that begin at once keep one. */
function put(file: string, how: { readonly isNew: boolean }, fields: Pick<Owner, 'isRestored'>): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const owner: Owner = { format: schema.entries.format.literal, id: randomUUID(), ...fields }
  writeFileDurably(file, JSON.stringify(owner), { mode: 0o600, ...how })
}
