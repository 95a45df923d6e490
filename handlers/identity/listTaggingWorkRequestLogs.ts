import { bodyless } from '../../lib/http/operation.ts'
import { authorizedWorkRequest, toLogs } from './workRequestWire.ts'

export const listTaggingWorkRequestLogsOperation = bodyless('ListTaggingWorkRequestLogs', async (request) => ({
  body: toLogs(await authorizedWorkRequest(request)),
}))
