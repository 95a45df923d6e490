import type { MiddlewareObj } from '@middy/core'
import { isKmsError } from '../../errors.ts'
import { response } from '../../http/pipeline.ts'
import { toWireError } from '../../http/errorTable.ts'
import { answerRequestId } from '../../http/requestId.ts'
import type { HttpEvent } from '../../http/wireRequest.ts'
import type { RandomBytes } from '../../ocid.ts'
import type { Logger } from '../../ports.ts'

/** What failed before or around the pipeline is answered in OCI's form too: API Gateway's own has no code and no id. */
export function errorAnswer(log: Logger, random: RandomBytes): MiddlewareObj<HttpEvent> {
  return {
    onError: (request) => {
      const requestId = answerRequestId(random, request.event.headers['opc-request-id'])
      const { status, headers, body } = toWireError(request.error)
      const message = isKmsError(request.error, 'unavailable') ? 'A request ran out of time.' : 'A request failed.'
      log.error(message, request.error, { requestId })
      request.response = response(status, { ...headers, 'opc-request-id': requestId }, { ...body })
    },
  }
}
