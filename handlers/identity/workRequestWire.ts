import { authorizedCompartment, refuseAbsent } from '../../lib/http/authorize.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { finishedWork } from '../../lib/kms/finishedWork.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { workRequestsIn, type WorkRequest } from '../../lib/kms/identity/workRequests.ts'

/** What a request does to its resource, once it has succeeded. */
const kinds = {
  DELETE_COMPARTMENT: { actionType: 'DELETED', entityType: 'compartment', path: '/20160918/compartments' },
  MOVE_COMPARTMENT: { actionType: 'UPDATED', entityType: 'compartment', path: '/20160918/compartments' },
  BACKUP_VAULT: { actionType: 'RELATED', entityType: 'vault', path: '/20180608/vaults' },
  BACKUP_KEY: { actionType: 'RELATED', entityType: 'key', path: '/20180608/keys' },
  RESTORE_VAULT: { actionType: 'CREATED', entityType: 'vault', path: '/20180608/vaults' },
  RESTORE_KEY: { actionType: 'CREATED', entityType: 'key', path: '/20180608/keys' },
  DELETE_TAG_DEFINITION: { actionType: 'DELETED', entityType: 'tagDefinition', path: '/20160918/tags' },
  DELETE_NON_EMPTY_TAG_NAMESPACE: {
    actionType: 'DELETED',
    entityType: 'tagNamespace',
    path: '/20160918/tagNamespaces',
  },
} as const satisfies Record<WorkRequest['operationType'], object>

/** WorkRequest, and the summary in lists. */
export function toWorkRequest(of: WorkRequest): JsonObject {
  const { id, operationType, status, compartmentId, resourceId, timeAccepted, timeFinished } = of
  const { actionType, entityType, path } = kinds[operationType]
  return {
    id,
    operationType,
    compartmentId,
    status,
    resources: [
      {
        identifier: resourceId,
        entityType,
        actionType: status === 'SUCCEEDED' ? actionType : status,
        entityUri: `${path}/${resourceId}`,
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
  const { tenancyId } = request.caller.principal
  const state = await request.ports.identity.state(tenancyId)
  // Read though the state may have it, for that takes as long as what is nowhere.
  const done = await finished(request)
  const found = workRequestsIn(state).find(({ id }) => id === workRequestId) ?? done
  const isElsewhere = request.operation.includes('Tagging') && found?.operationType.includes('TAG') !== true
  if (found === undefined || isElsewhere)
    return refuseAbsent(request, { name: 'noSuchIdentity', kind: 'work request', id: workRequestId })
  authorizedCompartment(request, found.judgedAt)
  return found
}

const absentId = 'ocid1.workrequest.oc1..absent'

async function finished({ ports, caller, parameters }: Request): Promise<WorkRequest | undefined> {
  const { workRequestId: id = '' } = parameters
  const { tenancyId } = caller.principal
  const row = await finishedWork(ports, tenancyId, id)
  // One row that is there and one that is not, whichever was asked for (lib/http/evenRefusal.ts).
  await (row === undefined ? headSeq(ports, tenancyId) : finishedWork(ports, tenancyId, absentId))
  if (row === undefined) return undefined
  const { operationType, compartmentId, resourceId, timeFinished } = row
  const about = { operationType, compartmentId, judgedAt: compartmentId, resourceId }
  return { id, ...about, status: 'SUCCEEDED', timeAccepted: timeFinished, timeFinished, error: null }
}
