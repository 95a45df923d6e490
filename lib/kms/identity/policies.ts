import { compartmentStands, requireCompartmentActive } from './compartmentContents.ts'
import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { appendIdentity, identityRow, type IdentityChange } from './identityLog.ts'
import { headSeq } from './verifyIdentity.ts'
import { identitySk, type BoundPolicyNames, type PolicyRow } from './identityRows.ts'
import { finishIdentityChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import {
  bookkeeping,
  earlierResult,
  newEtag,
  requireMatch,
  requireResultIs,
  requireUnchanged,
  untilCommitted,
  type AuditEffect,
  type Mutation,
} from '../mutation.ts'
import { newOcid } from '../../ocid.ts'
import type { DefinedTags, Tags } from '../rows/rows.ts'

type ReadPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>
type Ports = ReadPorts & Pick<KmsPorts, 'random' | 'clock' | 'timers' | 'identityHandOff'>

export interface PolicyInput {
  readonly compartmentId: string
  readonly name: string
  readonly description: string
  readonly statements: readonly string[]
  readonly bound: BoundPolicyNames
  readonly versionDate: string | null
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

/** A policy of the tenancy; undefined where there is none. Statements are checked by the caller (lib/iam). */
export function policyById(ports: ReadPorts, tenancyId: string, policyId: string): Promise<PolicyRow | undefined> {
  return identityRow<PolicyRow>(ports, tenancyId, 'policy', identitySk.policy(policyId))
}

export async function createPolicy(
  ports: Ports,
  tenancyId: string,
  mutation: Mutation,
  input: PolicyInput,
): Promise<PolicyRow> {
  const id = newOcid(ports.random, 'policy')
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  const policy = await untilCommitted(ports, async () => {
    const earlier = await earlierResult(ports, mutation)
    if (earlier !== undefined) {
      const made = await policyOfEarlier(ports, tenancyId, earlier)
      // The caller was authorized for what they ask to make, and for nothing else.
      const isAsked = made.compartmentId === input.compartmentId && made.name === input.name
      requireResultIs(earlier, isAsked ? made.id : '')
      return made
    }
    await requireCompartmentActive(ports, tenancyId, input.compartmentId)
    const after = await headSeq(ports, tenancyId)
    const nameSk = identitySk.policyName(input.name)
    if ((await ports.tables.get('Identity', tenancyId, nameSk)) !== undefined) {
      throw new KmsError(
        'nameAlreadyExists',
        'A policy of this name exists in the tenancy; choose another name or update that policy.',
      )
    }
    const row = { sk: identitySk.policy(id), kind: 'policy', id, etag, timeCreated, ...input } as const
    const name = { sk: nameSk, kind: 'policyName', policyId: id } as const
    const change: IdentityChange = { after, puts: [row, name], absent: [nameSk] }
    const isDone = await appendIdentity(ports, tenancyId, change, [
      ...compartmentStands(tenancyId, input.compartmentId),
      ...bookkeeping(mutation, policyEffect(row), etag),
    ])
    return isDone ? policyById(ports, tenancyId, id) : undefined
  })
  await finishIdentityChange(ports, tenancyId)
  return policy
}

export type PolicyChange = Partial<Omit<PolicyInput, 'compartmentId' | 'name'>>

export async function updatePolicy(
  ports: Ports,
  tenancyId: string,
  mutation: Mutation,
  policyId: string,
  change: PolicyChange,
): Promise<PolicyRow> {
  const etag = newEtag(ports.random)
  const updated = await untilCommitted(ports, async () => {
    const earlier = await earlierResult(ports, mutation)
    if (earlier !== undefined) {
      requireResultIs(earlier, policyId)
      return policyOfEarlier(ports, tenancyId, earlier)
    }
    const after = await headSeq(ports, tenancyId)
    const policy = await requirePolicy(ports, tenancyId, policyId)
    requireMatch(mutation, policy.etag)
    const row = { ...policy, ...change, etag }
    const isDone = await appendIdentity(
      ports,
      tenancyId,
      { after, puts: [row] },
      bookkeeping(mutation, policyEffect(row), etag),
    )
    return isDone ? policyById(ports, tenancyId, policyId) : undefined
  })
  await finishIdentityChange(ports, tenancyId)
  return updated
}

export async function deletePolicy(
  ports: Ports,
  tenancyId: string,
  mutation: Mutation,
  policyId: string,
): Promise<void> {
  await untilCommitted(ports, async () => {
    if ((await earlierResult(ports, mutation)) !== undefined) return true
    const after = await headSeq(ports, tenancyId)
    const policy = await requirePolicy(ports, tenancyId, policyId)
    requireMatch(mutation, policy.etag)
    const deletes = [identitySk.policy(policyId), identitySk.policyName(policy.name)]
    const isDone = await appendIdentity(
      ports,
      tenancyId,
      { after, puts: [], deletes },
      bookkeeping(mutation, policyEffect(policy), policy.etag),
    )
    return isDone ? true : undefined
  })
  await finishIdentityChange(ports, tenancyId)
}

async function requirePolicy(ports: Ports, tenancyId: string, policyId: string): Promise<PolicyRow> {
  const policy = await policyById(ports, tenancyId, policyId)
  if (policy === undefined) throw notFoundOrForbidden()
  return policy
}

async function policyOfEarlier(
  ports: Ports,
  tenancyId: string,
  earlier: { resourceId: string; etag: string },
): Promise<PolicyRow> {
  const policy = await policyById(ports, tenancyId, earlier.resourceId)
  requireUnchanged(earlier, policy?.etag)
  if (policy === undefined) throw notFoundOrForbidden()
  return policy
}

function policyEffect({
  id,
  name,
  compartmentId,
  statements,
}: Pick<PolicyRow, 'id' | 'name' | 'compartmentId' | 'statements'>): AuditEffect {
  return { resourceId: id, resourceName: name, compartmentId, current: { name, statements } }
}
