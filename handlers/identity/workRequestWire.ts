import { authorizedCompartment } from '../../lib/http/authorize.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { notFoundOrForbidden } from '../../lib/errors.ts'
import { workRequestsIn, type WorkRequest } from '../../lib/kms/identity/workRequests.ts'

const actionTypes = {
  DELETE_COMPARTMENT: { IN_PROGRESS: 'IN_PROGRESS', SUCCEEDED: 'DELETED', FAILED: 'FAILED' },
  MOVE_COMPARTMENT: { IN_PROGRESS: 'IN_PROGRESS', SUCCEEDED: 'UPDATED', FAILED: 'FAILED' },
} as const

/** WorkRequest, and the summary in lists. */
export function toWorkRequest(of: WorkRequest): JsonObject {
  const { id, operationType, status, compartment, timeAccepted, timeFinished } = of
  return {
    id,
    operationType,
    compartmentId: compartment.parentId,
    status,
    resources: [
      {
        identifier: compartment.id,
        entityType: 'compartment',
        actionType: actionTypes[operationType][status],
        entityUri: `/20160918/compartments/${compartment.id}`,
      },
    ],
    errors: toErrors(of),
    logs: toLogs(of),
    timeAccepted,
    timeStarted: timeAccepted,
    timeFinished,
    percentComplete: status === 'IN_PROGRESS' ? 0 : 100,
  }
}

export function toErrors({ error, timeFinished }: WorkRequest): JsonObject[] {
  return error === null ? [] : [{ code: 'Conflict', message: error, timestamp: timeFinished }]
}

export function toLogs({ status, timeAccepted, timeFinished }: WorkRequest): JsonObject[] {
  const accepted = { message: 'Accepted.', timestamp: timeAccepted }
  return timeFinished === null ? [accepted] : [accepted, { message: `Ended: ${status}.`, timestamp: timeFinished }]
}

/** By the OCID of the path, if the caller may see the compartment that it is about. */
export async function authorizedWorkRequest(request: Request): Promise<WorkRequest> {
  const { workRequestId = '' } = request.parameters
  request.target.resourceId = workRequestId
  const state = await request.ports.identity.state(request.caller.principal.tenancyId)
  const found = workRequestsIn(state).find(({ id }) => id === workRequestId)
  if (found === undefined)
    throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'work request', id: workRequestId })
  authorizedCompartment(request, found.compartment.id)
  return found
}
