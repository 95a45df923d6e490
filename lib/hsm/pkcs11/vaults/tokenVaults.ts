import { isKmsError } from '../../../errors.ts'
import { LruCache } from '../../../lruCache.ts'
import { requireFormat } from '../../../requireFormat.ts'
import type { VaultContext, VaultKeys, WrappedVaultKeys } from '../../hsm.ts'
import { HandleCache } from '../../software/handleCache.ts'
import type { PoolShare } from '../../software/poolShare.ts'
import type { SoftwareKey } from '../../software/softwareKey.ts'
import { SoftwareVaultKeys, type HeldVaultKeys } from '../../software/vaultKeys.ts'
import { notOurs } from '../../software/vaultRoot.ts'
import { AwayVaultKeys } from '../keys/awayVaultKeys.ts'
import type { Partitions } from './partitions.ts'
import type { Pkcs11HsmOptions } from '../roots/pkcs11HsmOptions.ts'
import { TokenVaultKeys } from '../keys/tokenVaultKeys.ts'
import { partitionFormat, regionFormat, type VaultKeeper } from '../keys/vaultKeeper.ts'

interface OpenVault extends Pick<WrappedVaultKeys, 'hsmKek' | 'softwareKek'> {
  readonly keys: TokenVaultKeys
}

interface Parts {
  readonly keeper: VaultKeeper
  readonly partitions: Partitions
  readonly options: Pkcs11HsmOptions
  readonly share: PoolShare
}

/** The vaults that a region's HSM has open, and their keys. */
export class TokenVaults {
  readonly #parts: Parts
  readonly #handles: HandleCache<SoftwareKey>
  readonly #open = new LruCache<OpenVault>(1_000, ({ keys }) => {
    keys.release()
  })

  constructor(parts: Parts) {
    this.#parts = parts
    const { handleCapacity = 1_000, onChange } = parts.options
    const destroy = (key: SoftwareKey) => {
      key.destroy()
    }
    this.#handles = new HandleCache(handleCapacity, destroy, (idStart) => onChange?.({ kind: 'dropped', idStart }))
  }

  open(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeys {
    const id = idOf(context, wrapped)
    const known = this.#knownOf(id, wrapped)
    if (known !== undefined) return known
    const { keeper, options } = this.#parts
    if (options.copy === undefined) return this.#opened(context, wrapped, id)
    const { beforeOpening } = options.copy
    // Nobody destroys a former root between what is heard of it here and its use below.
    return keeper.token.inLibrary(() => {
      beforeOpening()
      return this.#knownOf(id, wrapped) ?? this.#opened(context, wrapped, id)
    })
  }

  /** Where the keys of a row are; of one whose KEKs were destroyed the region has what is left. @throws KmsError integrityFailure */
  keeperOf(context: VaultContext, wrapped: WrappedVaultKeys): VaultKeeper {
    if (wrapped.format !== partitionFormat) {
      requireFormat('A row of wrapped vault keys', wrapped, regionFormat)
      return this.#parts.keeper
    }
    if (areDestroyed(wrapped)) return this.#parts.keeper
    const own = this.#parts.partitions.of(context)
    if (own === undefined) throw notOurs(context)
    return own
  }

  /** What the same region's HSM in another thread has let go of. */
  followDrop(idStart: string): void {
    this.#handles.drop(idStart)
    // Made or restored again, the vault may have the same row: what was destroyed is not to be found under it.
    this.#open.deleteThoseThat((_, { keys }) => keys.followDrop(idStart))
  }

  closeAll(): void {
    this.#open.deleteThoseThat(() => true)
  }

  #knownOf(id: string, { hsmKek, softwareKek }: WrappedVaultKeys): TokenVaultKeys | undefined {
    const known = this.#open.get(id)
    return known?.hsmKek === hsmKek && known.softwareKek === softwareKek ? known.keys : undefined
  }

  #opened(context: VaultContext, wrapped: WrappedVaultKeys, id: string): VaultKeys {
    try {
      return this.#openNew(context, wrapped, id)
    } catch (cause) {
      if (!isKmsError(cause, 'unavailable') || wrapped.format !== partitionFormat) throw cause
      const macKey = this.#parts.keeper.heldKey(context, 'macKey', wrapped.macKey)
      return new AwayVaultKeys(
        this.#held(context, { macKey }, id),
        () => this.#knownOf(id, wrapped) ?? this.#openNew(context, wrapped, id),
      )
    }
  }

  #openNew(context: VaultContext, wrapped: WrappedVaultKeys, id: string): TokenVaultKeys {
    const { hsmKek, softwareKek } = wrapped
    const isDestroyed = areDestroyed(wrapped)
    const known = this.#open.get(id)
    const keeper = this.keeperOf(context, wrapped)
    keeper.token.loop.requireTurn()
    const keys = keeper.token.loop.inTurn(() => this.#keysOf(keeper, context, wrapped, id))
    this.#open.set(id, { hsmKek, softwareKek, keys })
    if (isDestroyed) for (const each of [known?.keys, keys]) each?.destroyKeks()
    return keys
  }

  #keysOf(keeper: VaultKeeper, context: VaultContext, wrapped: WrappedVaultKeys, id: string): TokenVaultKeys {
    const isDestroyed = areDestroyed(wrapped)
    const macKey = keeper.heldKey(context, 'macKey', wrapped.macKey)
    const keys = isDestroyed
      ? { macKey }
      : { macKey, softwareKek: keeper.heldKey(context, 'softwareKek', wrapped.softwareKek) }
    const kek = isDestroyed ? undefined : keeper.kek(context, wrapped.hsmKek)
    // Opened once at once, so that a row that is not ours is refused here.
    if (kek !== undefined)
      keeper.token.run((session, objects) => {
        kek.use(session, objects, () => undefined)
      })
    const { options, share } = this.#parts
    const held = this.#held(context, keys, id)
    const [{ token }, handles, { generateRsa }] = [keeper, this.#handles, options]
    return new TokenVaultKeys({ token, context, held, kek, handles, share, generateRsa })
  }

  #held(context: VaultContext, keys: HeldVaultKeys, id: string): SoftwareVaultKeys {
    const { options, share } = this.#parts
    return new SoftwareVaultKeys(context, keys, this.#handles, id, options.generateRsa, share)
  }
}

function areDestroyed({ hsmKek, softwareKek }: WrappedVaultKeys): boolean {
  return hsmKek === null && softwareKek === null
}

function idOf({ realm, tenancyId, vaultId, isPrivate }: VaultContext, { format, macKey }: WrappedVaultKeys): string {
  return JSON.stringify([realm, tenancyId, vaultId, isPrivate, format, macKey])
}
