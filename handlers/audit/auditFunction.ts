import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import { listEventsOperation } from './listEvents.ts'

/** The Audit subset. */
export function auditFunction(ports: HttpPorts): HttpFunction {
  return httpFunction('audit', ports, [listEventsOperation])
}
