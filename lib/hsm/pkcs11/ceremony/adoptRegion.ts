import { UserError } from '../../../userError.ts'
import { isSameContext } from '../../formats/sameContext.ts'
import type { VaultContext, WrappedVaultKeys } from '../../hsm.ts'
import type { HsmState } from '../../software/hsmState.ts'
import type { VaultRoot } from '../../software/vaultRoot.ts'
import { adoptSigner, adoptVaultKeys } from './adoptKeys.ts'
import { CKA, CKO } from '../library/constants.ts'
import type { Template } from '../library/encode.ts'
import { KnownRoots } from '../roots/knownRoots.ts'
import { openTokenState } from '../roots/openTokenState.ts'
import { hasPartition, Partitions } from '../vaults/partitions.ts'
import { recoveryLabel } from '../roots/recoverable.ts'
import { identityLabel } from '../roots/regionObjects.ts'
import { partitionToken, regionToken } from '../roots/regionToken.ts'
import type { Session } from '../token/session.ts'
import { tenancyRootLabel } from '../keys/tokenRoots.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { partitionFormat, regionFormat, VaultKeeper } from '../keys/vaultKeeper.ts'

export interface Adopted {
  readonly region: string
  readonly realm: string
  /** The simulated HSM's. */
  readonly state: HsmState
  /** Of the token's state, which is complete when all is adopted. */
  readonly file: string
  readonly token: TokenOptions
  /** The private vaults that there are: others' tokens, which an attempt that was cut off has taken, are free again. */
  readonly vaults: readonly VaultContext[]
  /** Called before anything in the token is changed. */
  readonly begin?: () => void
}

export interface AdoptingRegion {
  /** The row under the token; undefined where it is already. @throws KmsError, UserError */
  adopt(root: VaultRoot, context: VaultContext, wrapped: WrappedVaultKeys): WrappedVaultKeys | undefined
  /** Of the token's state, when all is adopted. */
  revision(): number
  close(): void
}

/** Makes a token the home of what a simulated HSM has kept. Each step may be done again. @throws UserError */
export function adoptRegion({ region, state, file, token: given, vaults, begin }: Adopted): AdoptingRegion {
  const known = KnownRoots.in(file)
  const options = { ...given, known }
  // The identity may be missing, where the last attempt ended between taking one away and making the other.
  partitionToken(options).bare((session) => {
    requireFresh(session, state)
    begin?.()
    adoptSigner(session, identityLabel, state.identity)
    for (const [tenancyId, { rootKey }] of Object.entries(state.tenancies))
      if (rootKey !== undefined) adoptSigner(session, tenancyRootLabel(tenancyId), rootKey)
  })
  const token = regionToken(options)
  token.open()
  const keeper = new VaultKeeper(token)
  const kept = openTokenState({ region, token, known, file })
  kept.follow(state.revision ?? 0)
  for (const [tenancyId, { rootKey, ...tenancy }] of Object.entries(state.tenancies)) {
    kept.setTenancy(tenancyId, {
      ...tenancy,
      ...(rootKey === undefined ? {} : { rootKey: tenancyRootLabel(tenancyId) }),
    })
  }
  const partitions = new Partitions(options, keeper, kept)
  partitions.settle()
  for (const each of partitions.taken())
    if (!vaults.some((vault) => isSameContext(vault, each))) partitions.release(each, 'neverWas')
  return {
    adopt: (root, context, wrapped) => {
      if (wrapped.format === regionFormat || wrapped.format === partitionFormat) return undefined
      if (wrapped.hsmKek === null || wrapped.softwareKek === null) {
        const { macKey } = root.openMacKey(context, wrapped)
        return {
          format: regionFormat,
          hsmKek: null,
          softwareKek: null,
          macKey: keeper.wrapHeld(context, 'macKey', macKey.export()),
        }
      }
      const home = hasPartition(context) ? partitions.take(context) : keeper
      const adopted = adoptVaultKeys(home, context, root.openVaultKeys(context, wrapped))
      // What does not open again would be lost with the simulated root.
      home.token.run((session, objects) => home.kek(context, adopted.hsmKek).lend(session, objects, [], false, () => 0))
      home.heldKey(context, 'macKey', adopted.macKey)
      home.heldKey(context, 'softwareKek', adopted.softwareKek)
      return adopted
    },
    revision: () => kept.revision,
    close: () => {
      partitions.close()
      token.close()
    },
  }
}

/** A token in which a tenancy lives is another cloud's: its identity would be lost. */
function requireFresh(session: Session, { tenancies }: HsmState): void {
  const own = Object.keys(tenancies).map(tenancyRootLabel)
  const all: Template = [
    [CKA.CLASS, CKO.PUBLIC_KEY],
    [CKA.TOKEN, true],
  ]
  const foreign = session
    .find(all, 64)
    .map((object) => String(session.attributes(object, CKA.LABEL)[0]))
    .find((label) => ![identityLabel, recoveryLabel, ...own].includes(label))
  if (foreign === undefined) return
  throw new UserError(
    `The token is another cloud's: it has "${foreign}". Make one of its own for this cloud, by another PKCS11_LABEL.`,
  )
}
