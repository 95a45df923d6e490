import * as v from 'valibot'
import { requiredOcid, wholeNumber } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { retentionRange, updateAuditConfiguration } from '../../lib/kms/identity/auditConfiguration.ts'
import { authorizedTenancy } from './tenancyWide.ts'

const { min, max } = retentionRange
const updateConfigurationDetails = v.object({
  retentionPeriodDays: v.pipe(
    wholeNumber,
    v.check((days) => days >= min && days <= max, `a whole number of days from ${min} to ${max}`),
  ),
})

/** Of the audit. It is done when it is answered: there is no work request to ask for. */
export const updateConfigurationOperation = operation('UpdateConfiguration', {
  input: updateConfigurationDetails,
  run: async (request, { retentionPeriodDays }) => {
    const tenancyId = authorizedTenancy(request, requiredOcid(request.query, 'compartmentId'))
    await updateAuditConfiguration(request.ports, tenancyId, request.mutation, retentionPeriodDays)
    return { status: 202 }
  },
})
