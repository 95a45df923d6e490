import { findAbilities, type Abilities } from '../token/abilities.ts'
import { KmsError } from '../../../errors.ts'
import { CKM } from '../library/constants.ts'
import { mechanism } from '../library/encode.ts'
import { findVaultObjects, type Roots, type VaultObjects } from './findRoots.ts'
import { findRegionObjects, type RegionObjects } from './regionObjects.ts'
import { UserError } from '../../../userError.ts'
import { requireOwner } from './ownerMark.ts'
import type { Session } from '../token/session.ts'
import { Token } from '../token/token.ts'
import type { TokenOptions } from './tokenOptions.ts'
import type { CmacKey } from '../../primitives/kdf.ts'

/** Of any token that keeps vaults: a region's, or a private vault's own. */
export type VaultTokenObjects = VaultObjects & Abilities
export type VaultToken = Token<VaultTokenObjects>
export type RegionToken = Token<RegionObjects & Abilities>

/** A region's token. What it can do is found out at the first connection: a lost session does not change it. */
export function regionToken(options: TokenOptions): RegionToken {
  const token = tokenWith(options, (session, { kwp }) => {
    requireStillOwn(session, options)
    return findRegionObjects(session, { kwp, known: options.known?.of(options.label) })
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

interface Seeing {
  /** Looks at what else is in it, at each connection. */
  readonly see?: (session: Session) => void
  /** Told of roots of which nothing is known yet. @throws UserError where they are not to be taken */
  readonly onUnknown?: (found: VaultObjects) => void
}

/** A private vault's own. */
export function partitionToken(options: TokenOptions, { see, onUnknown }: Seeing = {}): VaultToken {
  const { known, label } = options
  return tokenWith(options, (session, { kwp }) => {
    see?.(session)
    const checks = known?.of(label)
    const found = findVaultObjects(session, { kwp, known: checks })
    if (checks === undefined) onUnknown?.(found)
    return found
  })
}

const cmac = mechanism(CKM.AES_CMAC)

function tokenWith<T extends VaultObjects>(
  options: TokenOptions,
  find: (session: Session, abilities: Abilities) => T,
): Token<T & Abilities> {
  let abilities: Abilities | undefined
  const findAll = (session: Session) => {
    abilities ??= findAbilities(session)
    return { ...find(session, abilities), ...abilities }
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
