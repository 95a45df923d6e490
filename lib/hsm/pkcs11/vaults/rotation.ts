import { setImmediate } from 'node:timers/promises'
import { isKmsError } from '../../../errors.ts'
import type { TransportKey, VaultContext, WrappedVaultKeys } from '../../hsm.ts'
import type { RootRotation } from '../../provisionedHsm.ts'
import { UserError } from '../../../userError.ts'
import { CKA } from '../library/constants.ts'
import { rootCheck, type RootPair, type Roots } from '../roots/findRoots.ts'
import { wrapKek } from '../keys/hsmKek.ts'
import type { KnownRoots } from '../roots/knownRoots.ts'
import { checksOf } from '../roots/openTokenState.ts'
import type { Partitions } from './partitions.ts'
import { recoveryPemIn } from '../roots/recoverable.ts'
import { createRoots, createRootsOnThread, destroyRoots, removeStrangers } from '../roots/regionObjects.ts'
import { rootsOf, type VaultToken, type VaultTokenObjects } from '../roots/regionToken.ts'
import type { Session } from '../token/session.ts'
import { requireProof } from '../keys/tokenProof.ts'
import { rsaPrivateTemplate } from '../token/templates.ts'
import type { TokenState } from '../roots/tokenState.ts'
import type { VaultKeeper } from '../keys/vaultKeeper.ts'

interface Rotated {
  readonly keeper: VaultKeeper
  readonly partitions: Partitions
  readonly state: TokenState
  readonly known: KnownRoots
  /** Of a row whose KEKs were not destroyed. */
  readonly keeperOf: (context: VaultContext, wrapped: WrappedVaultKeys) => VaultKeeper
  readonly onEnd: () => void
  /** The token is this directory's still. @throws UserError */
  readonly requireOwn: () => void
  /** Told what is in the token of this label from now on; of roots that go, before they are gone. */
  readonly onRoots: (label: string, isEnded: boolean) => void
}

/** How roots in tokens are rotated: a region's, and with them those of its private vaults' tokens. */
export class TokenRotation implements RootRotation {
  readonly #of: Rotated

  constructor(of: Rotated) {
    this.#of = of
  }

  isRotating(): boolean {
    return this.#of.keeper.generations().length > 1
  }

  async begin(): Promise<void> {
    const { requireOwn, keeper, partitions } = this.#of
    requireOwn()
    if (this.isRotating()) return
    await this.#requireAll()
    await this.#newRoots(keeper)
    for (const vault of partitions.taken()) {
      try {
        const own = partitions.of(vault)
        if (own?.generations().length === 1) await this.#newRoots(own)
      } catch (cause) {
        // Its turn comes with its row.
        if (!isKmsError(cause, 'unavailable')) throw cause
      }
    }
  }

  /**
   * Every token that gets a new root is there, and will have a copy of it for the custodians, or none is made in any: what one that is
   * lost keeps is wrapped anew by nobody, so that the rotation would not end, and no backup of before brings it back after one.
   * @throws UserError
   */
  async #requireAll(): Promise<void> {
    const { keeper, partitions } = this.#of
    const custodians = keeper.token.run(recoveryPemIn)
    const away: string[] = []
    for (const vault of partitions.taken()) {
      // Each in a turn of the event loop of its own, for there may be many.
      await setImmediate()
      const own = partitions.of(vault)
      try {
        if (own !== undefined) {
          requireProof(own.token)
          requireBound(own, custodians)
        }
      } catch (cause) {
        if (!isKmsError(cause, 'unavailable')) throw cause
        away.push(`${own?.token.label ?? ''} (of ${vault.vaultId})`)
      }
    }
    if (away.length > 0)
      throw new UserError(
        `No new root is made while a private vault's token is away: ${away.join(', ')}. Put it back, and see what hsm status says; where it is lost, the service is stopped and hsm restore brings it back from the custodians' last backup, or its vault is deleted. Then run hsm rotate-root again. Nothing was changed.`,
      )
  }

  rewrapVaultKeys(context: VaultContext, wrapped: WrappedVaultKeys): WrappedVaultKeys | undefined {
    const keeper = this.#of.keeperOf(context, wrapped)
    if (keeper.isUnderNewest(context, wrapped)) return undefined
    // The vault's MAC key is under the region's former root: its partition was away at the beginning, or a crash came before it.
    if (keeper !== this.#of.keeper && keeper.generations().length === 1) this.#newRootsAtOnce(keeper)
    const { format, hsmKek, softwareKek, macKey } = wrapped
    const rewrapped = {
      format,
      hsmKek: hsmKek === null ? null : rewrappedKek(keeper, context, hsmKek),
      softwareKek: softwareKek === null ? null : keeper.rewrapHeld(context, 'softwareKek', softwareKek),
      macKey: keeper.rewrapHeld(context, 'macKey', macKey),
    } as const
    keeper.requireRight()
    return rewrapped
  }

  rewrapTransportKey({ offer, privateKey }: TransportKey): TransportKey | undefined {
    const keeper = this.#of.partitions.of(offer.context) ?? this.#of.keeper
    const found = keeper.transportKey(offer, privateKey)
    if (found === undefined || found.generation === keeper.generations()[0]) return undefined
    const template = rsaPrivateTemplate([CKA.UNWRAP], { isExtractable: true })
    const blob = keeper.token.run((session, objects) => {
      const { wrappingRoot } = rootsOf(objects, found.generation)
      const handle = session.unwrap(objects.kwp, wrappingRoot, found.blob, template)
      try {
        return session.wrap(objects.kwp, objects.roots[0].wrappingRoot, handle)
      } finally {
        session.destroy(handle)
      }
    })
    return { offer, privateKey: keeper.boundTransportKey(offer, blob) }
  }

  /** The region's last: until it is gone, a rotation that was cut off here goes on. */
  async end(): Promise<void> {
    const { partitions, keeper, state, onEnd } = this.#of
    for (const vault of partitions.taken()) {
      const own = partitions.of(vault)
      if (own === undefined) continue
      this.#destroyFormer(own)
      await setImmediate()
    }
    // Both are known until the former is gone, by which it is seen that this goes on.
    state.rotated(keeper.generations().slice(0, 1))
    this.#destroyFormer(keeper)
    onEnd()
  }

  async #newRoots({ token }: VaultKeeper): Promise<void> {
    removeStrangersIn(token)
    await this.#of.known.whileMakingIn(token.label, async () => {
      const made = await token.onThread(async (session, objects) => {
        const generation = nextOf(objects)
        return madeRoots(session, objects, generation, await createRootsOnThread(session, objects, generation))
      })
      this.#madeIn(token, made)
    })
  }

  #newRootsAtOnce({ token }: VaultKeeper): void {
    removeStrangersIn(token)
    const made = token.run((session, objects) => {
      const generation = nextOf(objects)
      return madeRoots(session, objects, generation, createRoots(session, generation))
    })
    this.#madeIn(token, made)
  }

  /**
   * INVARIANT: the state knows them, under the former root's MAC, before anything is wrapped under them. What a crash before it has
   * left is nobody's, and is not taken for roots.
   */
  #madeIn(token: VaultToken, made: Roots): void {
    const { state, keeper, onRoots } = this.#of
    const roots = [made, ...token.run((_session, objects) => objects.roots)]
    const numbers = token === keeper.token ? roots.map(({ generation }) => generation) : undefined
    state.vouch(token.label, checksOf(roots), numbers)
    token.refresh()
    onRoots(token.label, false)
  }

  #destroyFormer({ token }: VaultKeeper): void {
    const hasFormer = token.run((_session, { roots }) => roots.length > 1)
    this.#of.onRoots(token.label, true)
    // Another thread that uses one has begun before it was told: its use ends first.
    token.alone(() => {
      token.run((session, { roots: [, ...former] }) => {
        for (const { generation } of former) destroyRoots(session, generation)
      })
    })
    if (hasFormer)
      this.#of.state.adopt(
        token.label,
        token.run((_session, { roots: [newest] }) => checksOf([newest])),
      )
    token.refresh()
    this.#of.onRoots(token.label, false)
  }
}

/** Undefined: the region has no custodians. @throws UserError */
function requireBound({ token }: VaultKeeper, custodians: string | undefined): void {
  const own = token.run(recoveryPemIn)
  if (custodians === undefined || own === custodians) return
  throw new UserError(
    `The token ${token.label}, which a private vault has, was not made for this cloud's custodians: a new root there would have no copy for them. Delete that vault, when what is under its keys is under others; hsm init then makes its token anew. Nothing was changed.`,
  )
}

function nextOf({ roots: [newest] }: VaultTokenObjects): number {
  return newest.generation + 1
}

function madeRoots(session: Session, { kwp }: VaultTokenObjects, generation: number, pair: RootPair): Roots {
  return { generation, ...pair, check: rootCheck(session, kwp, pair) }
}

/** They are as they are now: nothing is known of when they came. */
function removeStrangersIn(token: VaultToken): void {
  token.refresh()
  token.run((session, objects) => {
    removeStrangers(session, objects)
  })
}

function rewrappedKek(keeper: VaultKeeper, context: VaultContext, hsmKek: string): string {
  const kek = keeper.kek(context, hsmKek)
  const blob = keeper.token.run((session, objects) =>
    kek.lend(session, objects, [CKA.WRAP, CKA.UNWRAP], true, (handle) => wrapKek(session, objects, handle)),
  )
  return keeper.boundKek(context, blob)
}
