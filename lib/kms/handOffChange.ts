import { KmsError } from '../errors.ts'
import type { Change, KmsPorts } from './kmsPorts.ts'

/**
 * Hands a committed change off before it is answered (architecture, rule 4).
 * @throws KmsError handOffPending (503) in strict mode where the replica's inbox could not be reached: the change stands
 * here, and the retry with the same token hands it off first and then answers.
 */
export async function finishChange({ handOff }: Pick<KmsPorts, 'handOff'>, change: Change): Promise<void> {
  if (change.vault.row.handOffTo === null) return
  if ((await handOff.send(change)) || !handOff.isStrict) return
  const id = change.key?.id ?? change.vault.row.id
  throw new KmsError(
    'handOffPending',
    `The change to ${id} is committed in its primary region, but its replica in ${change.vault.row.handOffTo} cannot be reached; repeat the call with the same opc-retry-token.`,
  )
}

/**
 * The same for a change of identity, which goes to every region.
 * @throws KmsError handOffPending (503) in strict mode where one could not be reached.
 */
export async function finishIdentityChange(
  { identityHandOff }: Pick<KmsPorts, 'identityHandOff'>,
  tenancyId: string,
): Promise<void> {
  const unreached = await identityHandOff.send(tenancyId)
  if (unreached.length === 0 || !identityHandOff.isStrict) return
  throw new KmsError(
    'handOffPending',
    `The change is committed in the home region, but ${unreached.join(' and ')} cannot be reached; repeat the call with the same opc-retry-token.`,
  )
}
