import type { JsonObject } from '../../lib/canonicalJson.ts'
import { KmsError } from '../../lib/errors.ts'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { accessOf } from '../../lib/http/isAuthorized.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { operations, rowOf, type OperationName } from '../../lib/http/operations.ts'
import { userPrincipal } from '../../lib/http/principals.ts'
import { explain } from '../../lib/iam/explain.ts'
import { isAllowed, servicePrincipal } from '../../lib/iam/policy.ts'
import { requireNamed } from '../../lib/kms/identity/namedRows.ts'
import { membershipsOf } from '../../lib/kms/identity/tenancyState.ts'
import { questionsOf, requireFitting } from './explainedQuestions.ts'
import { askedOf } from './explainedTarget.ts'
import { notes } from './explanationNotes.ts'
import { toExplanation } from './explanationWire.ts'
import { targetVariables } from './tenancyWide.ts'

/** For administrators: which statements let a user do something, or which one is missing. Our own. */
export const explainPolicyOperation = bodyless('ExplainPolicy', async (request) => {
  const { caller, ports, query } = request
  const { tenancyId } = caller.principal
  const userId = requiredOcid(query, 'userId')
  const state = await ports.identity.state(tenancyId)
  const user = requireNamed(state, 'user', userId)
  authorizedCompartment(request, tenancyId, targetVariables(user))
  request.target.resourceId = userId
  request.target.resourceName = user.name
  const operation = operationNamed(query['operation'])
  requireFitting(request, operation)
  const asked = await askedOf(request)
  const member = { user, groupIds: membershipsOf(state, userId).map(({ groupId }) => groupId) }
  const principal = userPrincipal(member, await ports.identity.tenancy(tenancyId), tenancyId)
  const { policies, tree } = caller
  const isForUsers = rowOf(operation).caller !== 'workload'
  const permissions = questionsOf(request, operation, asked).map(({ permission, compartmentId, service }) => {
    const access = accessOf({ ...request, operation }, [permission], compartmentId, asked.variables)
    const who = service === undefined ? principal : servicePrincipal(service, tree)
    const [explanation] = explain(policies, tree, who, access)
    const isGranted = isAllowed(policies, tree, who, access)
    return { isGranted, compartmentId, service, ...(explanation as NonNullable<typeof explanation>) }
  })
  const about = { userId, userName: user.name, groups: principal.groups.map(({ name }) => name), operation }
  const body: JsonObject = {
    ...about,
    ...asked.named,
    region: ports.region,
    isAllowed: isForUsers && permissions.every(({ isGranted }) => isGranted),
    note: notes[operation] ?? null,
    permissions: permissions.map((each) => toExplanation(each, { request, state, groups: about.groups })),
  }
  return { body }
})

/** @throws KmsError missingParameter or invalidParameter */
function operationNamed(text: string | undefined): OperationName {
  if (text === undefined || text === '') throw new KmsError('missingParameter', 'operation is missing.')
  const found = Object.keys(operations).find((name) => name.toLowerCase() === text.toLowerCase())
  if (found !== undefined) return found as OperationName
  throw new KmsError('invalidParameter', `There is no operation ${text}; give one like Encrypt or CreateKey.`)
}
