import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { updatePolicy, type PolicyChange } from '../../lib/kms/identity/policies.ts'
import { description } from './identityFields.ts'
import { authorizedPolicy, boundNames, requireStatements, statements, toPolicy, versionDate } from './policyWire.ts'

const updatePolicyDetails = v.partial(v.object({ description, statements, versionDate, freeformTags, definedTags }))

export const updatePolicyOperation = operation('UpdatePolicy', {
  input: updatePolicyDetails,
  run: async (request, details) => {
    const policy = await authorizedPolicy(request, request.parameters['policyId'] ?? '')
    await requireTagsTaken(request, details, policy)
    if (details.statements !== undefined) requireStatements(request, policy.compartmentId, details.statements)
    const change = Object.fromEntries(
      Object.entries(details).filter(([, value]) => value !== undefined),
    ) as PolicyChange
    const { statements: lines } = details
    const bound = lines === undefined ? {} : { bound: await boundNames(request, policy.compartmentId, lines) }
    const row = await updatePolicy(request.ports, request.caller.principal.tenancyId, request.mutation, policy.id, {
      ...change,
      ...bound,
    })
    return { body: toPolicy(row), headers: { etag: row.etag } }
  },
})
