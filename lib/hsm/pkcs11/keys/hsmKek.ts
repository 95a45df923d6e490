import { VAULT_KEY_LENGTH } from '../../software/vaultRoot.ts'
import { CKA, CKM, CKR } from '../library/constants.ts'
import { mechanism, type Mechanism, type Template } from '../library/encode.ts'
import { aesTemplate } from '../token/templates.ts'
import { isLoss, isPkcs11Error, WrongAnswer, type Pkcs11Error } from '../library/pkcs11Error.ts'
import type { RootPair } from '../roots/findRoots.ts'
import { rootsOf, type VaultToken, type VaultTokenObjects } from '../roots/regionToken.ts'
import type { Handle, Session } from '../token/session.ts'
import { letGo } from './heldObject.ts'

const newKek: Template = [
  ...aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: true }),
  [CKA.VALUE_LEN, VAULT_KEY_LENGTH],
]

/** What a KEK is wrapped with: the newest root. */
export interface Wrapping {
  readonly kwp: Mechanism
  readonly roots: readonly [Pick<RootPair, 'wrappingRoot'>, ...(readonly unknown[])]
}

/** A new vault's KEK, under the root. */
export function newKekBlob(session: Session, objects: Wrapping): Buffer {
  const kek = session.generateKey(mechanism(CKM.AES_KEY_GEN), newKek)
  try {
    return wrapKek(session, objects, kek)
  } finally {
    session.destroy(kek)
  }
}

/**
 * A KEK that may leave this token, under its newest root. It is opened again and tried on itself before anybody relies on the
 * blob: what does not open took every key of its vault with it.
 */
export function wrapKek(session: Session, { kwp, roots: [{ wrappingRoot }] }: Wrapping, kek: Handle): Buffer {
  const blob = session.wrap(kwp, wrappingRoot, kek)
  const template = aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: false })
  const again = session.unwrap(kwp, wrappingRoot, blob, template)
  try {
    session.destroy(session.unwrap(kwp, kek, session.wrap(kwp, again, kek), template))
    return blob
  } finally {
    session.destroy(again)
  }
}

/** A vault's KEK for HSM keys, opened in the token and, where the token was lost meanwhile, opened there again. */
export class HsmKek {
  /** Of the root that it is under. */
  readonly generation: number
  readonly #token: VaultToken
  readonly #blob: Buffer
  #handle: Handle | undefined
  #life = -1

  /** INVARIANT: the blob's MAC fits. Where it does not open all the same, it is the token that fails, and not the blob. */
  constructor(token: VaultToken, blob: Buffer, generation: number) {
    this.generation = generation
    this.#token = token
    this.#blob = blob
  }

  /**
   * For material: to wrap what is made, to unwrap what is used. Where that fails the next one opens it anew: the token may have
   * given another key's number for it.
   */
  use<T>(session: Session, objects: VaultTokenObjects, work: (kek: Handle) => T): T {
    if (this.#handle === undefined || this.#life !== this.#token.life) {
      this.#handle = this.open(session, objects, [CKA.WRAP, CKA.UNWRAP], false)
      this.#life = this.#token.life
    }
    const handle = this.#handle
    try {
      return work(handle)
    } catch (cause) {
      if (isPkcs11Error(cause) || cause instanceof WrongAnswer) {
        this.#handle = undefined
        destroyIfOfSession(session, handle)
      }
      throw cause
    }
  }

  /** For one call: to be wrapped for another region or a backup, or to derive. */
  lend<T>(
    session: Session,
    objects: VaultTokenObjects,
    uses: readonly number[],
    isExtractable: boolean,
    work: (kek: Handle) => T,
  ): T {
    const kek = this.open(session, objects, uses, isExtractable)
    try {
      return work(kek)
    } finally {
      session.destroy(kek)
    }
  }

  /** It opens again where it is still asked for. */
  release(): void {
    const handle = this.#handle
    this.#handle = undefined
    if (handle !== undefined) letGo(this.#token, handle, this.#life)
  }

  /** The caller destroys it. */
  open(session: Session, objects: VaultTokenObjects, uses: readonly number[], isExtractable: boolean): Handle {
    return session.unwrap(
      objects.kwp,
      rootsOf(objects, this.generation).wrappingRoot,
      this.#blob,
      aesTemplate(uses, { isExtractable }),
    )
  }
}

/** Of a number that may be any key's: what stays in the token, as a root does, is left. */
function destroyIfOfSession(session: Session, handle: Handle): void {
  try {
    if (session.attributes(handle, CKA.TOKEN)[0]?.[0] === 0) session.destroy(handle)
  } catch (cause) {
    if (!isPkcs11Error(cause)) throw cause
  }
}

/** What the token answers to anybody's bytes that do not open differs from token to token; what says that it is gone does not. */
export function unwrapOr<T>({ vendor }: Pick<Session, 'vendor'>, refused: () => Error, unwrap: () => T): T {
  const isOfBytes = (cause: Pkcs11Error) =>
    (vendor.saysDeviceErrorOfBytes && isPkcs11Error(cause, CKR.DEVICE_ERROR)) || !isLoss(cause, { isGeneralOne: false })
  try {
    return unwrap()
  } catch (cause) {
    throw isPkcs11Error(cause) && isOfBytes(cause) ? refused() : cause
  }
}
