import type { MiddlewareObj } from '@middy/core'
import { response } from '../../http/pipeline.ts'
import { toWireError } from '../../http/errorTable.ts'
import { answerRequestId } from '../../http/requestId.ts'
import type { RequestWatch } from '../../http/requestWatch.ts'
import { matchRoute } from '../../http/routes.ts'
import type { HttpEvent } from '../../http/wireRequest.ts'
import type { RandomBytes } from '../../ocid.ts'

/**
 * What failed before or around the pipeline, which logs its own, is answered in OCI's form too: API Gateway's own has no
 * code and no id.
 */
export function errorAnswer(watch: RequestWatch, random: RandomBytes): MiddlewareObj<HttpEvent> {
  let began = 0
  return {
    before: () => {
      began = watch.stopwatch()
    },
    onError: (request) => {
      const { headers, rawPath, requestContext } = request.event
      const requestId = answerRequestId(random, headers['opc-request-id'])
      const answer = toWireError(request.error)
      const found = matchRoute(requestContext.http.method, rawPath)
      const operation = typeof found === 'object' && 'operation' in found ? found.operation : undefined
      const { status } = answer
      const ms = watch.stopwatch() - began
      watch.answered({ requestId, operation, status, caller: undefined, refusal: request.error, ms })
      request.response = response(status, { ...answer.headers, 'opc-request-id': requestId }, { ...answer.body })
    },
  }
}
