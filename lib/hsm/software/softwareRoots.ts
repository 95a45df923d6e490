import { createSecretKey, randomBytes } from 'node:crypto'
import { unsignedBytes } from '../formats/statement.ts'
import type { TransportKey, TransportOffer, VaultContext, WrappedVaultKeys } from '../hsm.ts'
import { Cmac } from '../primitives/cmac.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import type { RootRotation } from '../provisionedHsm.ts'
import type { HsmRoots, StateStore } from './hsmState.ts'
import { VaultRoot } from './vaultRoot.ts'

/** A simulated HSM's root, kept with its state; while it is rotated, with the one before. */
export class SoftwareRoots implements RootRotation {
  readonly #store: StateStore
  readonly #onEnd: () => void
  #current: VaultRoot

  constructor(store: StateStore, onEnd: () => void) {
    this.#store = store
    this.#onEnd = onEnd
    this.#current = rootOf(store.state)
  }

  get current(): VaultRoot {
    return this.#current
  }

  /** In a copy, which keeps nothing. */
  follow(roots: HsmRoots): void {
    this.#current = rootOf(roots)
  }

  isRotating(): boolean {
    return this.#store.state.formerRoot !== undefined
  }

  async begin(): Promise<void> {
    if (this.isRotating()) return
    this.#set({ root: randomBytes(32).toString('base64'), formerRoot: this.#store.state.root })
  }

  rewrapVaultKeys(context: VaultContext, wrapped: WrappedVaultKeys): WrappedVaultKeys | undefined {
    return this.#current.rewrapped(context, wrapped)
  }

  rewrapTransportKey({ offer, privateKey }: TransportKey): TransportKey | undefined {
    const pkcs8 = this.#underFormer({ offer, privateKey })
    return pkcs8 && { offer, privateKey: this.wrappedTransportKey(offer, pkcs8) }
  }

  async end(): Promise<void> {
    this.#set({ root: this.#store.state.root })
    this.#onEnd()
  }

  /** The private key is cleared. */
  wrappedTransportKey(offer: TransportOffer, pkcs8: Buffer): string {
    try {
      const key = this.#current.transportWrappingKey(offer.context, unsignedBytes(offer).toString())
      return wrapKey(key, pkcs8).toString('base64')
    } finally {
      pkcs8.fill(0)
    }
  }

  /** In plaintext; the caller clears it. */
  transportKey({ offer, privateKey }: TransportKey): Buffer | undefined {
    const key = this.#current.transportWrappingKey(offer.context, unsignedBytes(offer).toString())
    return unwrapKey(key, Buffer.from(privateKey, 'base64')) ?? this.#underFormer({ offer, privateKey })
  }

  #underFormer({ offer, privateKey }: TransportKey): Buffer | undefined {
    const former = this.#current.formerTransportWrappingKey(offer.context, unsignedBytes(offer).toString())
    return former && unwrapKey(former, Buffer.from(privateKey, 'base64'))
  }

  #set(roots: HsmRoots): void {
    this.#store.setRoots(roots)
    this.#current = rootOf(roots)
  }
}

/** Of a state. */
export function rootOf({ root, formerRoot }: HsmRoots): VaultRoot {
  const key = (text: string) => new Cmac(createSecretKey(Buffer.from(text, 'base64')))
  return new VaultRoot(key(root), formerRoot === undefined ? undefined : key(formerRoot))
}
