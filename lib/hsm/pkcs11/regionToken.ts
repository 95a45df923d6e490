import { findAbilities, type Abilities } from './abilities.ts'
import { KmsError } from '../../errors.ts'
import { CKM } from './constants.ts'
import { mechanism } from './encode.ts'
import {
  findRegionObjects,
  findVaultObjects,
  type RegionObjects,
  type Roots,
  type VaultObjects,
} from './regionObjects.ts'
import { UserError } from '../../userError.ts'
import { requireOwner } from './ownerMark.ts'
import type { Session } from './session.ts'
import { Token } from './token.ts'
import type { TokenOptions } from './tokenOptions.ts'
import type { CmacKey } from '../primitives/kdf.ts'

/** Of any token that keeps vaults: a region's, or a private vault's own. */
export type VaultTokenObjects = VaultObjects & Abilities
export type VaultToken = Token<VaultTokenObjects>
export type RegionToken = Token<RegionObjects & Abilities>

/** A region's token. What it can do is found out at the first connection: a lost session does not change it. */
export function regionToken(options: TokenOptions): RegionToken {
  const token = tokenWith(options, (session) => {
    requireStillOwn(session, options)
    return findRegionObjects(session)
  })
  optionsOf.set(token, options)
  return token
}

/** Of regions' tokens. */
const optionsOf = new WeakMap<VaultToken, TokenOptions>()

function requireStillOwn(session: Session, { label, owner }: TokenOptions): void {
  if (owner !== undefined && session.vendor.keepsData) requireOwner(session, label, owner)
}

/** Another directory may have taken it meanwhile: then no thread keeps a session, and at each connection it is looked at again. */
export function isStillOwn(token: VaultToken): boolean {
  const options = optionsOf.get(token)
  if (options === undefined) return true
  try {
    token.run((session) => {
      requireStillOwn(session, options)
    })
    return true
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    if (!options.module.restart()) token.close()
    return false
  }
}

/** A private vault's own. `see` looks at what else is in it, at each connection. */
export function partitionToken(options: TokenOptions, see: (session: Session) => void = () => undefined): VaultToken {
  return tokenWith(options, (session) => {
    see(session)
    return findVaultObjects(session)
  })
}

const cmac = mechanism(CKM.AES_CMAC)

function tokenWith<T extends VaultObjects>(options: TokenOptions, find: (session: Session) => T): Token<T & Abilities> {
  let abilities: Abilities | undefined
  const findAll = (session: Session) => {
    abilities ??= findAbilities(session)
    return { ...find(session), ...abilities }
  }
  return new Token(options, findAll, (session, { roots: [{ macRoot }] }) =>
    session.signOnThread(cmac, macRoot, Buffer.alloc(16)),
  )
}

/** The MAC root of a generation, in its token. @throws KmsError unavailable where the token has none such any more. */
export function macRootOf(token: VaultToken, generation: number): CmacKey {
  return {
    tag: (message) =>
      token.run((session, objects) => session.mac(cmac, rootsOf(objects, generation).macRoot, Buffer.from(message))),
  }
}

export function rootsOf({ roots }: VaultObjects, generation: number): Roots {
  const found = roots.find((each) => each.generation === generation)
  if (found !== undefined) return found
  throw new KmsError('unavailable', 'The root was rotated meanwhile; try again.', { retryAfter: 1 })
}
