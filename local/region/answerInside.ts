import type { HttpFunction } from '../../lib/http/httpFunction.ts'
import type { FunctionName } from '../../lib/http/operations.ts'
import { servingFunction } from '../../lib/http/routes.ts'
import type { HttpEvent, HttpResponse } from '../../lib/http/wireRequest.ts'

/** A signed request from inside the host: no listener takes it, but it is judged as if one had. */
export interface InsideRequest extends Omit<HttpEvent, 'requestContext'> {
  readonly method: string
  /** For one of its vaults; undefined: for the region itself. */
  readonly vaultId?: string
}

export interface Inside {
  readonly functions: Readonly<Record<FunctionName, HttpFunction>>
  /** Where what is sent to the region itself comes in, and what is sent to a vault. */
  readonly portOf: (vaultId: string | undefined) => Promise<number>
}

export async function answerInside({ functions, portOf }: Inside, request: InsideRequest): Promise<HttpResponse> {
  const { method, vaultId, ...event } = request
  const listenerPort = await portOf(vaultId)
  const serves = servingFunction(method, event.rawPath)
  return functions[serves]({ ...event, requestContext: { http: { method, sourceIp: '127.0.0.1' }, listenerPort } })
}
