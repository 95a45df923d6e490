import { KmsError } from '../../errors.ts'
import type { ApiKeyRow, GroupRow, MembershipRow } from './identityRows.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'

/** The group that every tenancy begins with. Names of groups do not change, so it is known by its name. */
export function isAdministrators({ name }: Pick<GroupRow, 'name'>): boolean {
  return name.toLowerCase() === 'administrators'
}

/**
 * For a change that takes a membership or an API key away: somebody in Administrators must be able to sign afterwards.
 * @throws KmsError conflict
 */
export function requireAdministratorLeft(state: TenancyState, goes: MembershipRow | ApiKeyRow): void {
  if (!isLeft(state, goes) && isLeft(state)) {
    throw new KmsError(
      'conflict',
      'Nobody in the group Administrators would have an API key left, so nobody could let anybody in again. Add another user with an API key to that group first.',
    )
  }
}

function isLeft(state: TenancyState, without?: MembershipRow | ApiKeyRow): boolean {
  const group = rowsOf<GroupRow>(state, 'group').find(isAdministrators)
  const isKept = (row: { readonly sk: string }) => row.sk !== without?.sk
  const signers = new Set(
    rowsOf<ApiKeyRow>(state, 'apiKey')
      .filter(isKept)
      .map(({ userId }) => userId),
  )
  return rowsOf<MembershipRow>(state, 'membership').some(
    (row) => isKept(row) && row.groupId === group?.id && signers.has(row.userId),
  )
}
