import { bodyless } from '../../lib/http/operation.ts'
import { authorizedWorkRequest, toWorkRequest } from './workRequestWire.ts'

export const getTaggingWorkRequestOperation = bodyless('GetTaggingWorkRequest', async (request) => ({
  body: toWorkRequest(await authorizedWorkRequest(request)),
}))
