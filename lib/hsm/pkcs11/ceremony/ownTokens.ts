import {
  markIfUnmarked,
  requireNoOwner,
  requireOwner,
  requireTenancyless,
  requireVaultless,
} from '../roots/ownerMark.ts'
import { isPoolLabel } from '../vaults/partitions.ts'
import { partitionToken } from '../roots/regionToken.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { tenancyRootLabel } from '../keys/tokenRoots.ts'

/**
 * Before anything is made of a region's tokens: they are nobody else's and, where the region's state is begun anew, they keep
 * nothing that would be nobody's then. Nothing is written. @throws UserError
 */
export function requireOwnTokens(token: TokenOptions, isBegunAnew: boolean): void {
  const { module, label, owner } = token
  if (!module.vendor.keepsData) return
  const is = partitionToken(token).bare((session) =>
    owner === undefined ? 'own' : requireOwner(session, label, owner),
  )
  if (!isBegunAnew) return
  for (const each of poolLabels(token)) {
    partitionToken({ ...token, label: each }).bare((session) => {
      requireVaultless(session, each)
    })
  }
  // One of its own may have been left by a first start that failed.
  if (is === 'unmarked')
    partitionToken(token).bare((session) => {
      requireTenancyless(session, label, tenancyRootLabel(''))
    })
}

/** @throws UserError */
export function requireNobodysTokens(token: TokenOptions): void {
  if (!token.module.vendor.keepsData) return
  partitionToken(token).bare((session) => {
    requireNoOwner(session, token.label)
  })
}

/** From now on the region's token is its directory's; those of its pool follow as they are used. @throws UserError */
export function keepAsOwn(token: TokenOptions): void {
  const { module, label, owner } = token
  if (owner === undefined || !module.vendor.keepsData) return
  partitionToken(token).bare((session) => {
    markIfUnmarked(session, label, owner)
  })
}

/** Of the pool of the region whose token this is. */
export function poolLabels({ module, label }: Pick<TokenOptions, 'module' | 'label'>): readonly string[] {
  return module.labels().filter((each) => isPoolLabel(label, each))
}
