import { newEtag, requireUnchanged, type Mutation } from '../mutation.ts'
import { changeIdentity, type IdentityPorts } from './changeIdentity.ts'
import { identityRow } from './identityLog.ts'
import { identitySk, type AuditConfigurationRow } from './identityRows.ts'

/** OCI's range; the most is what is kept until somebody says otherwise. */
export const retentionRange = { min: 90, max: 365 } as const

/** Says for how many days the tenancy's events are listed and kept, in every region. */
export function updateAuditConfiguration(
  ports: IdentityPorts,
  tenancyId: string,
  mutation: Mutation,
  retentionPeriodDays: number,
): Promise<number> {
  const etag = newEtag(ports.random)
  const sk = identitySk.auditConfiguration
  const load = () => identityRow<AuditConfigurationRow>(ports, tenancyId, 'auditConfiguration', sk)
  return changeIdentity<AuditConfigurationRow | undefined, number>(ports, tenancyId, mutation, {
    resourceId: tenancyId,
    earlier: async (earlier) => {
      requireUnchanged(earlier, (await load())?.etag)
      return retentionPeriodDays
    },
    load,
    judge: async (before) => ({
      puts: [{ sk, kind: 'auditConfiguration', retentionPeriodDays, etag }],
      effect: {
        resourceId: tenancyId,
        resourceName: 'audit configuration',
        compartmentId: tenancyId,
        previous: { retentionPeriodDays: before?.retentionPeriodDays ?? retentionRange.max },
        current: { retentionPeriodDays },
      },
      etag,
      result: async () => retentionPeriodDays,
    }),
  })
}
