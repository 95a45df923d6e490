import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { retentionRange } from '../../lib/kms/identity/auditConfiguration.ts'
import { authorizedTenancy } from './tenancyWide.ts'

/** Of the audit. */
export const getConfigurationOperation = bodyless('GetConfiguration', async (request) => {
  const tenancyId = authorizedTenancy(request, requiredOcid(request.query, 'compartmentId'))
  const { auditRetentionDays } = await request.ports.identity.freshTenancy(tenancyId)
  return { body: { retentionPeriodDays: auditRetentionDays ?? retentionRange.max } }
})
