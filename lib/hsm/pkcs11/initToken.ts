import { UserError } from '../../userError.ts'
import { CKU } from './constants.ts'
import type { Pkcs11Module } from './pkcs11Module.ts'
import { createRegionObjects, findRegionObjects } from './regionObjects.ts'
import { Session } from './session.ts'

export interface NewToken {
  readonly module: Pkcs11Module
  readonly label: string
  /** The security officer's: makes the token and sets the user's PIN, and can use no key. */
  readonly soPin: string
  /** The service's. */
  readonly pin: string
}

/**
 * Makes a region's token in a slot that holds an uninitialized one, and its roots there. Where a token of this label is
 * there already it is left as it is, but for roots that an interrupted init did not make. @throws UserError
 */
export function initToken({ module, label, soPin, pin }: NewToken): 'made' | 'completed' | 'there already' {
  const known = module.slotOf(label)
  const slot = known ?? initialize(module, label, soPin, pin)
  const session = Session.open(module, slot)
  try {
    session.login(CKU.USER, pin)
    if (known !== undefined && hasRoots(session)) return 'there already'
    createRegionObjects(session)
    return known === undefined ? 'made' : 'completed'
  } finally {
    session.close()
  }
}

function hasRoots(session: Session): boolean {
  try {
    findRegionObjects(session)
    return true
  } catch (cause) {
    if (cause instanceof UserError) return false
    throw cause
  }
}

function initialize(module: Pkcs11Module, label: string, soPin: string, pin: string): number {
  const empty = module.emptySlot()
  if (empty === undefined) throw new UserError(`${module.path} has no slot with an empty token for ${label}.`)
  const [officer, user, name] = [Buffer.from(soPin), Buffer.from(pin), Buffer.alloc(32, ' ')]
  if (name.write(label) < Buffer.byteLength(label))
    throw new UserError(`A token's label has at most 32 bytes: ${label}`)
  try {
    module.call('C_InitToken', empty, officer, officer.length, name)
    // The slot may have another number from now on.
    const slot = module.slotOf(label) ?? empty
    const session = Session.open(module, slot)
    try {
      session.login(CKU.SO, soPin)
      module.call('C_InitPIN', session.handle, user, user.length)
      module.call('C_Logout', session.handle)
    } finally {
      session.close()
    }
    return slot
  } finally {
    officer.fill(0)
    user.fill(0)
  }
}
