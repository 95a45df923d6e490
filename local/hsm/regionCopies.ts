import { isKmsError } from '../../lib/errors.ts'
import { poolLabels } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { isPkcs11Error } from '../../lib/hsm/pkcs11/library/pkcs11Error.ts'
import { requireRoots } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { tokenCopies, type TokenCopies } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import type { TokenOptions } from '../../lib/hsm/pkcs11/roots/tokenOptions.ts'
import { messageOf, UserError } from '../../lib/userError.ts'
import { typed } from '../typed.ts'
import { takenTokens, type KeptState, type TakenToken } from './keptState.ts'

interface Wanted {
  readonly data: string
  readonly region: string
  readonly kept: KeptState
  /** PEM, of the custodians' key. */
  readonly recoveryKey: string
  /** Labels of private vaults' tokens that are lost, and that the backup is to be made without. */
  readonly without: readonly string[]
}

/**
 * Everything that stays in the region's tokens, its own first. A restore takes no backup that lacks the token of a private vault,
 * so that none is made, but for those that are left out by name. @throws UserError
 */
export function regionCopies(token: TokenOptions, wanted: Wanted): readonly TokenCopies[] {
  const { data, region, kept, recoveryKey, without } = wanted
  const taken = takenTokens(kept)
  requireTaken(without, taken, region)
  const labels = poolLabels(token)
  const lacking: (TakenToken & { readonly why: string })[] = []
  const ofVaults = taken.flatMap((each) => {
    const found = copiesOfTaken({ ...token, label: each.label }, each, labels, recoveryKey)
    if (typeof found !== 'string') return [found]
    lacking.push({ ...each, why: found })
    return []
  })
  const present = without.find((label) => ofVaults.some((copies) => copies.label === label))
  if (present !== undefined)
    throw new UserError(`The token "${present}" has its copies: leave it out of --without. Nothing was written.`)
  const missed = lacking.filter(({ label }) => !without.includes(label))
  if (missed.length > 0) throw notWhole(region, missed)
  const others = labels.filter((label) => !taken.some((each) => each.label === label))
  const makeAnew = typed('hsm', 'init', '--so-pin-file', 'FILE', '--data', data, '--regions', region)
  const copies = [token.label, ...others].map((label) =>
    partitionToken({ ...token, label }).bare((session) =>
      tokenCopies(session, label, recoveryKey, label === token.label ? undefined : makeAnew),
    ),
  )
  return [...copies.slice(0, 1), ...ofVaults, ...copies.slice(1)]
}

/** Only a private vault's token can be left out. @throws UserError */
export function requireTaken(without: readonly string[], taken: readonly TakenToken[], region: string): void {
  const stranger = without.find((label) => !taken.some((each) => each.label === label))
  if (stranger === undefined) return
  const names = taken.map(({ label }) => `"${label}"`).join(', ')
  throw new UserError(
    `No private vault of ${region} has a token "${stranger}", so that --without does not take it; ${names === '' ? 'none has any' : `they have ${names}`}. Nothing was changed.`,
  )
}

/** Or why it has none that a restore would take. */
function copiesOfTaken(
  token: TokenOptions,
  { label, mark, vaultId }: TakenToken,
  labels: readonly string[],
  recoveryKey: string,
): TokenCopies | string {
  if (!labels.includes(label)) return 'no token has this label'
  try {
    const copies = partitionToken(token).bare((session) => {
      // One that was emptied has nothing to copy, and would be restored as empty.
      requireRoots(session)
      return tokenCopies(session, label, recoveryKey)
    })
    return (copies.vault ?? mark) === mark ? copies : `by what stands in it it is another vault's than ${vaultId}`
  } catch (cause) {
    if (cause instanceof UserError || isPkcs11Error(cause)) return cause.message
    if (isKmsError(cause, 'unavailable'))
      return cause.cause === undefined ? cause.message : `${cause.message} ${messageOf(cause.cause)}`
    throw cause
  }
}

function notWhole(region: string, missed: readonly (TakenToken & { readonly why: string })[]): UserError {
  const tokens = missed.map(
    ({ label, vaultId, why }) => `the token "${label}" of the private vault ${vaultId} (${why})`,
  )
  const flags = missed.map(({ label }) => `"${label}"`).join(' ')
  return new UserError(
    `A backup of ${region} now would lack ${tokens.join(', and ')}, and could not bring the region back. Put the token back, or bring it back first from an older backup that has it (hsm restore), and keep that backup. Where it is lost for good, --without ${flags} backs up everything else. Nothing was written.`,
  )
}
