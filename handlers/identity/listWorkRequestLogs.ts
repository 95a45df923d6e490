import { bodyless } from '../../lib/http/operation.ts'
import { authorizedWorkRequest, toLogs } from './workRequestWire.ts'

export const listWorkRequestLogsOperation = bodyless('ListWorkRequestLogs', async (request) => ({
  body: toLogs(await authorizedWorkRequest(request)),
}))
