import { compartmentStands, requireCompartmentActive } from './compartmentContents.ts'
import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import { identityRow } from './identityLog.ts'
import { identitySk, type BoundPolicyNames, type PolicyRow } from './identityRows.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { newEtag, requireResultIs, requireUnchanged, type AuditEffect, type Mutation } from '../mutation.ts'
import { newOcid } from '../../ocid.ts'
import { requireNoTenantAdminPolicy } from './tenantAdminPolicy.ts'
import type { DefinedTags, Tags } from '../rows/rows.ts'

type ReadPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>

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

export function createPolicy(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  input: PolicyInput,
): Promise<PolicyRow> {
  const id = newOcid(ports.random, 'policy')
  const etag = newEtag(ports.random)
  const timeCreated = new Date(ports.clock()).toISOString()
  const nameSk = identitySk.policyName(input.name)
  return changeIdentity(ports, tenancyId, mutation, {
    earlier: async (earlier) => {
      const made = await policyOfEarlier(ports, tenancyId, earlier)
      // The caller was authorized for what they ask to make, and for nothing else.
      const isAsked = made.compartmentId === input.compartmentId && made.name === input.name
      requireResultIs(earlier, isAsked ? made.id : '')
      return made
    },
    load: () => requireCompartmentActive(ports, tenancyId, input.compartmentId),
    judge: async () => {
      if ((await ports.tables.get('Identity', tenancyId, nameSk)) !== undefined) {
        throw new KmsError(
          'nameAlreadyExists',
          'A policy of this name exists in the tenancy; choose another name or update that policy.',
        )
      }
      const row = { sk: identitySk.policy(id), kind: 'policy', id, etag, timeCreated, ...input } as const
      const name = { sk: nameSk, kind: 'policyName', policyId: id } as const
      return {
        puts: [row, name],
        absent: [nameSk],
        effect: policyEffect(row),
        etag,
        also: () => compartmentStands(tenancyId, input.compartmentId),
        result: () => requirePolicy(ports, tenancyId, id),
      }
    },
  })
}

export type PolicyChange = Partial<Omit<PolicyInput, 'compartmentId' | 'name'>>

export function updatePolicy(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  policyId: string,
  change: PolicyChange,
): Promise<PolicyRow> {
  const etag = newEtag(ports.random)
  return changeIdentity(ports, tenancyId, mutation, {
    resourceId: policyId,
    earlier: (earlier) => policyOfEarlier(ports, tenancyId, earlier),
    load: () => requirePolicy(ports, tenancyId, policyId),
    etagOf: (policy) => policy.etag,
    judge: async (policy) => {
      requireNoTenantAdminPolicy(policy, tenancyId)
      const row = { ...policy, ...change, etag }
      const result = () => requirePolicy(ports, tenancyId, policyId)
      return { puts: [row], effect: policyEffect(row), etag, result }
    },
  })
}

export function deletePolicy(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  policyId: string,
): Promise<true> {
  return changeIdentity<PolicyRow, true>(ports, tenancyId, mutation, {
    resourceId: policyId,
    earlier: async () => true,
    load: () => requirePolicy(ports, tenancyId, policyId),
    etagOf: (policy) => policy.etag,
    judge: async (policy) => {
      requireNoTenantAdminPolicy(policy, tenancyId)
      return {
        puts: [],
        deletes: [identitySk.policy(policyId), identitySk.policyName(policy.name)],
        effect: policyEffect(policy),
        etag: policy.etag,
        result: async () => true,
      }
    },
  })
}

async function requirePolicy(ports: ReadPorts, tenancyId: string, policyId: string): Promise<PolicyRow> {
  const policy = await policyById(ports, tenancyId, policyId)
  if (policy === undefined) throw notFoundOrForbidden({ name: 'noSuchPolicy', policyId })
  return policy
}

async function policyOfEarlier(
  ports: ReadPorts,
  tenancyId: string,
  earlier: { resourceId: string; etag: string },
): Promise<PolicyRow> {
  const policy = await policyById(ports, tenancyId, earlier.resourceId)
  requireUnchanged(earlier, policy?.etag)
  if (policy === undefined) throw notFoundOrForbidden({ name: 'earlierResultGone', resourceId: earlier.resourceId })
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
