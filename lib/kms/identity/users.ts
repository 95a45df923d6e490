import { KmsError } from '../../errors.ts'
import type { Mutation } from '../mutation.ts'
import type { IdentityPorts } from './changeIdentity.ts'
import { identitySk, type ApiKeyRow, type MembershipRow } from './identityRows.ts'
import { deleteNamed } from './namedRows.ts'
import { rowsOf } from './tenancyState.ts'

/**
 * A user goes with their API keys, and only out of no group: so nobody who may still do something goes unnoticed, and the
 * last administrator never.
 */
export function deleteUser(ports: IdentityPorts, tenancyId: string, mutation: Mutation, id: string): Promise<true> {
  return deleteNamed(ports, tenancyId, mutation, { kind: 'user', id }, (state, { name }) => {
    const isOfUser = (row: { readonly userId: string }) => row.userId === id
    const groups = rowsOf<MembershipRow>(state, 'membership').filter(isOfUser).length
    if (groups > 0) {
      const where = groups === 1 ? 'a group' : `${groups} groups`
      throw new KmsError(
        'conflict',
        `The user ${name} is in ${where}; remove them from it first (RemoveUserFromGroup).`,
      )
    }
    return rowsOf<ApiKeyRow>(state, 'apiKey')
      .filter(isOfUser)
      .map(({ fingerprint }) => identitySk.apiKey(id, fingerprint))
  })
}
