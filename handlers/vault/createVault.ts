import * as v from 'valibot'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, displayName, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createVault } from '../../lib/kms/vaults/vaults.ts'
import { vaultAnswer } from './vaultOperation.ts'

const createVaultDetails = v.object({
  compartmentId: ocid,
  displayName,
  vaultType: v.picklist(['DEFAULT', 'VIRTUAL_PRIVATE']),
  freeformTags,
  definedTags,
})

export const createVaultOperation = operation('CreateVault', {
  input: createVaultDetails,
  run: async (request, details) => {
    authorizedCompartment(request, details.compartmentId)
    const { tenancyId } = request.caller.principal
    const { compartments } = await request.ports.identity.tenancy(tenancyId)
    const compartmentIds = compartments.map(({ id }) => id)
    const tagged = await withDefaultTags(request, details.compartmentId, details)
    const row = await createVault(request.ports, request.mutation, { ...tagged, tenancyId, compartmentIds })
    return vaultAnswer(request, row)
  },
})
