import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import { createCompartmentOperation } from './createCompartment.ts'
import { createPolicyOperation } from './createPolicy.ts'
import { deleteCompartmentOperation } from './deleteCompartment.ts'
import { deletePolicyOperation } from './deletePolicy.ts'
import { getCompartmentOperation } from './getCompartment.ts'
import { getPolicyOperation } from './getPolicy.ts'
import type { IdentityPorts } from './identityPorts.ts'
import { listCompartmentsOperation } from './listCompartments.ts'
import { listPoliciesOperation } from './listPolicies.ts'
import { updateCompartmentOperation } from './updateCompartment.ts'
import { updatePolicyOperation } from './updatePolicy.ts'

/** The Identity subset. */
export function identityFunction(ports: IdentityPorts): HttpFunction {
  return httpFunction<IdentityPorts>('identity', ports, [
    createCompartmentOperation,
    getCompartmentOperation,
    listCompartmentsOperation,
    updateCompartmentOperation,
    deleteCompartmentOperation,
    createPolicyOperation,
    getPolicyOperation,
    listPoliciesOperation,
    updatePolicyOperation,
    deletePolicyOperation,
  ])
}
