import { bodyless } from '../../lib/http/operation.ts'
import { authorizedWorkRequest, toErrors } from './workRequestWire.ts'

export const listWorkRequestErrorsOperation = bodyless('ListWorkRequestErrors', async (request) => ({
  body: toErrors(await authorizedWorkRequest(request)),
}))
