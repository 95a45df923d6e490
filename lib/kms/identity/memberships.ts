import { hash } from 'node:crypto'
import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { newOcid, realm } from '../../ocid.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { newEtag, requireResultIs, requireUnchanged, type AuditEffect, type Mutation } from '../mutation.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import { identitySk, type MembershipRow } from './identityRows.ts'
import { requireAdministratorLeft } from './lastAdministrator.ts'
import { requireNamed, tenancyTime } from './namedRows.ts'
import { rowsOf, tenancyState, type TenancyState } from './tenancyState.ts'

/** A row with what the one that was made with the tenancy lacks. */
export type Membership = MembershipRow & Required<Pick<MembershipRow, 'id' | 'timeCreated' | 'etag'>>

export function membershipsIn(state: TenancyState): readonly Membership[] {
  const timeCreated = tenancyTime(state)
  return rowsOf<MembershipRow>(state, 'membership').map((row) => {
    const unique = hash('sha256', `${row.userId}#${row.groupId}`, 'hex').slice(0, 60)
    const id = `ocid1.groupmembership.${realm}..${unique}`
    return { id, timeCreated, etag: unique, ...row }
  })
}

export async function membershipById(
  ports: Pick<KmsPorts, 'tables' | 'hsm' | 'homeRegion'>,
  tenancyId: string,
  id: string,
): Promise<Membership | undefined> {
  return membershipsIn(await tenancyState(ports, tenancyId)).find((row) => row.id === id)
}

async function requireMembership(ports: IdentityPorts, tenancyId: string, id: string): Promise<Membership> {
  const row = await membershipById(ports, tenancyId, id)
  if (row === undefined) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'membership', id })
  return row
}

export function addUserToGroup(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  { userId, groupId }: Pick<MembershipRow, 'userId' | 'groupId'>,
): Promise<Membership> {
  const id = newOcid(ports.random, 'groupmembership')
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  const sk = identitySk.membership(userId, groupId)
  return changeIdentity(ports, tenancyId, mutation, {
    earlier: async (earlier) => {
      const made = await membershipById(ports, tenancyId, earlier.resourceId)
      requireUnchanged(earlier, made?.etag)
      requireResultIs(earlier, made?.userId === userId && made.groupId === groupId ? made.id : '')
      return requireMembership(ports, tenancyId, earlier.resourceId)
    },
    load: () => tenancyState(ports, tenancyId),
    judge: async (state) => {
      const user = requireNamed(state, 'user', userId)
      const group = requireNamed(state, 'group', groupId)
      if (state.rows.has(sk)) {
        throw new KmsError('nameAlreadyExists', `The user ${user.name} is in the group ${group.name} already.`)
      }
      return {
        puts: [{ sk, kind: 'membership', id, userId, groupId, timeCreated, etag }],
        effect: membershipEffect(state, tenancyId, { id, userId, groupId }),
        etag,
        result: () => requireMembership(ports, tenancyId, id),
      }
    },
  })
}

export function removeUserFromGroup(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  id: string,
): Promise<true> {
  return changeIdentity<{ state: TenancyState; row: Membership }, true>(ports, tenancyId, mutation, {
    resourceId: id,
    earlier: async () => true,
    load: async () => {
      const state = await tenancyState(ports, tenancyId)
      const row = membershipsIn(state).find((each) => each.id === id)
      if (row === undefined) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'membership', id })
      return { state, row }
    },
    etagOf: ({ row }) => row.etag,
    judge: async ({ state, row }) => {
      requireAdministratorLeft(state, row)
      return {
        puts: [],
        deletes: [row.sk],
        effect: membershipEffect(state, tenancyId, row),
        etag: row.etag,
        result: async () => true,
      }
    },
  })
}

function membershipEffect(
  state: TenancyState,
  tenancyId: string,
  { id, userId, groupId }: Pick<Membership, 'id' | 'userId' | 'groupId'>,
): AuditEffect {
  const [user, group] = [requireNamed(state, 'user', userId), requireNamed(state, 'group', groupId)]
  return {
    resourceId: id,
    resourceName: `${user.name} in ${group.name}`,
    compartmentId: tenancyId,
    current: { userId, groupId },
  }
}
