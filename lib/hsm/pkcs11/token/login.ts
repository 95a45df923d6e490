import { hash } from 'node:crypto'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { CKR, CKU } from '../library/constants.ts'
import { isPkcs11Error } from '../library/pkcs11Error.ts'
import { halfMade, pinRefusals, pinRefused } from './lostToken.ts'
import type { Session } from './session.ts'

/** The user's login to one token, which the whole process has. A PIN that was refused is not tried again. */
export class Login {
  readonly #options: TokenOptions
  #refused: string | undefined

  constructor(options: TokenOptions) {
    this.#options = options
  }

  /** @throws PinRefused, and UserError where the token is half made. */
  logIn(session: Session): void {
    const { module, label, pin: asked, refusedPins } = this.#options
    module.gate.whileLoggingIn(() => {
      // Another thread of the process may have logged in.
      if (session.isUsers()) return
      const pin = asked()
      const digest = hash('sha256', pin)
      if (digest === this.#refused || refusedPins?.isKnown(label) === true) throw pinRefused(label)
      try {
        session.login(CKU.USER, pin)
      } catch (cause) {
        if (isPkcs11Error(cause, CKR.USER_ALREADY_LOGGED_IN)) return
        if (!isPkcs11Error(cause, ...pinRefusals)) throw halfMade(label, cause) ?? cause
        this.#refused = digest
        refusedPins?.note(label)
        throw pinRefused(label, cause)
      }
    })
  }
}
