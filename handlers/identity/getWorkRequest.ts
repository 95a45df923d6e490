import { bodyless } from '../../lib/http/operation.ts'
import { authorizedWorkRequest, toWorkRequest } from './workRequestWire.ts'

export const getWorkRequestOperation = bodyless('GetWorkRequest', async (request) => ({
  body: toWorkRequest(await authorizedWorkRequest(request)),
}))
