import { isKmsError } from '../../../errors.ts'
import type { VaultToken } from '../roots/regionToken.ts'
import type { Handle, Session } from '../token/session.ts'

/** A session object, and the token as long as the object lives in it. */
export interface HeldObject {
  readonly handle: Handle
  /** In the event loop. @throws KmsError unavailable where the object is lost. */
  readonly run: <R>(work: (session: Session) => R) => R
  readonly onThread: <R>(work: (session: Session) => Promise<R>) => Promise<R>
  readonly destroy: () => void
}

/**
 * INVARIANT: called within the `run` that has given the handle. Between two of them another thread may start the library anew,
 * and the number then be another key's in the life that has begun.
 */
export function heldObject(token: VaultToken, handle: Handle): HeldObject {
  const { life } = token
  return {
    handle,
    run: (work) => token.runInTurn(work, life),
    onThread: (work) => token.onThread(work, life),
    destroy: () => {
      letGo(token, handle, life)
    },
  }
}

/** What the token does not destroy now goes with its session. Whoever happens to let go of it is answered all the same. */
export function letGo(token: VaultToken, handle: Handle, life: number): void {
  if (token.life !== life || !token.isConnected()) return
  try {
    token.runInTurn((session) => {
      session.destroy(handle)
    }, life)
  } catch (cause) {
    if (!isKmsError(cause, 'unavailable')) throw cause
  }
}
