import * as v from 'valibot'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createPolicy } from '../../lib/kms/identity/policies.ts'
import { description, name } from './identityFields.ts'
import { boundNames, requireStatements, statements, toPolicy, versionDate } from './policyWire.ts'

const createPolicyDetails = v.object({
  compartmentId: ocid,
  name,
  description,
  statements,
  versionDate,
  freeformTags,
  definedTags,
})

export const createPolicyOperation = operation('CreatePolicy', {
  input: createPolicyDetails,
  run: async (request, details) => {
    requireStatements(request, details.compartmentId, details.statements)
    authorizedCompartment(request, details.compartmentId)
    const bound = await boundNames(request, details.compartmentId, details.statements)
    const row = await createPolicy(request.ports, request.caller.principal.tenancyId, request.mutation, {
      ...(await withDefaultTags(request, details.compartmentId, details)),
      bound,
      versionDate: details.versionDate ?? null,
    })
    return { body: toPolicy(row), headers: { etag: row.etag } }
  },
})
