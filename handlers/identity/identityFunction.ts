import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import { createPolicyOperation } from './createPolicy.ts'
import { deletePolicyOperation } from './deletePolicy.ts'
import { getPolicyOperation } from './getPolicy.ts'
import { listPoliciesOperation } from './listPolicies.ts'
import { updatePolicyOperation } from './updatePolicy.ts'

/** The Identity subset. */
export function identityFunction(ports: HttpPorts): HttpFunction {
  return httpFunction(ports, [
    createPolicyOperation,
    getPolicyOperation,
    listPoliciesOperation,
    updatePolicyOperation,
    deletePolicyOperation,
  ])
}
