import { findAbilities, type Abilities } from './abilities.ts'
import { isKmsError } from '../../errors.ts'
import { CKA, CKM } from './constants.ts'
import { mechanism } from './encode.ts'
import { findRegionObjects, type RegionObjects } from './regionObjects.ts'
import { Token, type TokenOptions } from './token.ts'
import type { CmacKey } from '../primitives/kdf.ts'

export type TokenObjects = RegionObjects & Abilities
export type RegionToken = Token<TokenObjects>

/** A region's token. What it can do is found out at the first connection: a lost session does not change it. */
export function regionToken(options: TokenOptions): RegionToken {
  let abilities: Abilities | undefined
  return new Token(options, (session) => {
    abilities ??= findAbilities(session)
    return { ...findRegionObjects(session), ...abilities }
  })
}

const cmac = mechanism(CKM.AES_CMAC)

/** The root by which MACs are made, in the token. */
export function macRootOf(token: RegionToken): CmacKey {
  return { tag: (message) => token.run((session, { macRoot }) => session.sign(cmac, macRoot, Buffer.from(message))) }
}

/** Asked for something that costs it nothing; a lost one is tried again, once a second. */
export function isAnswering(token: RegionToken): boolean {
  try {
    token.run((session, { macRoot }) => session.attributes(macRoot, CKA.LABEL))
    return true
  } catch (cause) {
    if (isKmsError(cause, 'unavailable')) return false
    throw cause
  }
}
