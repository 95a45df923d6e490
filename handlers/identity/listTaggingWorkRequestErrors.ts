import { bodyless } from '../../lib/http/operation.ts'
import { authorizedWorkRequest, toErrors } from './workRequestWire.ts'

export const listTaggingWorkRequestErrorsOperation = bodyless('ListTaggingWorkRequestErrors', async (request) => ({
  body: toErrors(await authorizedWorkRequest(request)),
}))
