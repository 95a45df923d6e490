import { KmsError } from '../../errors.ts'
import type { Mutation } from '../mutation.ts'
import type { IdentityPorts } from './changeIdentity.ts'
import { isAdministrators } from './lastAdministrator.ts'
import type { MembershipRow, PolicyRow } from './identityRows.ts'
import { deleteNamed } from './namedRows.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'

const maxNamed = 5

/** An empty group that no policy names; Administrators stays. */
export function deleteGroup(ports: IdentityPorts, tenancyId: string, mutation: Mutation, id: string): Promise<true> {
  return deleteNamed(ports, tenancyId, mutation, { kind: 'group', id }, (state, group) => {
    if (isAdministrators(group)) {
      throw new KmsError('conflict', 'The group Administrators stays: without it nobody could grant anything.')
    }
    const members = rowsOf<MembershipRow>(state, 'membership').filter(({ groupId }) => groupId === id).length
    if (members > 0) {
      const who = members === 1 ? 'a member' : `${members} members`
      throw new KmsError('conflict', `The group ${group.name} has ${who}; remove them first (RemoveUserFromGroup).`)
    }
    requireUnnamed(state, 'groups', group)
    return []
  })
}

/** As for groups; its members are in no list that would have to be empty. */
export function deleteDynamicGroup(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
): Promise<true> {
  return deleteNamed(ports, tenancyId, mutation, { kind: 'dynamicGroup', id }, (state, group) => {
    requireUnnamed(state, 'dynamicGroups', group)
    return []
  })
}

/** A statement that names what is gone would read as if it granted something. */
function requireUnnamed(
  state: TenancyState,
  list: 'groups' | 'dynamicGroups',
  { id, name }: { readonly id: string; readonly name: string },
): void {
  const policies = rowsOf<PolicyRow>(state, 'policy').filter(
    ({ bound, statements }) =>
      bound?.[list]?.some((each) => each.id === id) === true ||
      statements.some((statement) => statement.toLowerCase().includes(id.toLowerCase())),
  )
  if (policies.length === 0) return
  const names = policies.slice(0, maxNamed).map((policy) => policy.name)
  const more = policies.length > maxNamed ? ` and ${policies.length - maxNamed} more` : ''
  throw new KmsError('conflict', `Policies name ${name}: ${names.join(', ')}${more}. Change or delete them first.`)
}
