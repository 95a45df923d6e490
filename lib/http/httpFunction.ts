import type { HttpPorts } from './httpPorts.ts'
import type { Operation } from './operation.ts'
import { operations as rows, type FunctionName } from './operations.ts'
import { createPipeline } from './pipeline.ts'
import type { HttpEvent, HttpResponse } from './wireRequest.ts'

export type HttpFunction = (event: HttpEvent) => Promise<HttpResponse>

/** A function behind the HTTP API, as Lambda and the embedded host call it. @throws where a row of its own has no handler. */
export function httpFunction<P extends HttpPorts>(
  serves: FunctionName,
  ports: P,
  operations: readonly Operation<P>[],
): HttpFunction {
  requireHandlers(
    serves,
    operations.map(({ id }) => id),
  )
  return createPipeline(ports, operations)
}

function requireHandlers(serves: FunctionName, handled: readonly string[]): void {
  const own = Object.entries(rows).flatMap(([name, row]) => (row.serves === serves ? [name] : []))
  const missing = own.filter((name) => !handled.includes(name))
  const others = handled.filter((name) => !own.includes(name))
  if (missing.length + others.length === 0) return
  throw new Error(`The function ${serves} lacks [${missing.join(' ')}] and is not the one for [${others.join(' ')}].`)
}
