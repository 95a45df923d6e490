import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import type { HttpPorts } from './httpPorts.ts'
import type { Operation } from './operation.ts'
import { createPipeline } from './pipeline.ts'
import type { HttpEvent, HttpResponse } from './wireRequest.ts'

export type HttpFunction = (event: HttpEvent, context?: Context) => Promise<HttpResponse>

/** A function behind the HTTP API, as Lambda and the embedded host call it. */
export function httpFunction<P extends HttpPorts>(ports: P, operations: readonly Operation<P>[]): HttpFunction {
  const handler = middy(createPipeline(ports, operations))
  return (event, context) => handler(event, context ?? noContext)
}

/** The embedded host has no Lambda context, and nothing here reads one. */
const noContext = {} as Context
