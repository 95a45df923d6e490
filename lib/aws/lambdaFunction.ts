import middy, { type MiddlewareObj } from '@middy/core'
import type { Context } from 'aws-lambda'
import type { HttpEvent, HttpResponse } from '../http/wireRequest.ts'
import { pooledRandom } from '../pooledRandom.ts'
import type { Runtime } from '../runtime/composeRegion.ts'
import { AwsRegion, type OpenRegion } from './awsRegion.ts'
import { awsSettings } from './awsSettings.ts'
import { unavailable } from './deadline.ts'
import { errorAnswer } from './middleware/errorAnswer.ts'
import { flushAudit, keepDeadline, reserveMs } from './middleware/invocation.ts'
import { invocationLog } from './middleware/invocationLog.ts'

export type LambdaFunction<E, R> = (event: E, context?: Context) => Promise<R>
type Make<E, R> = (ports: Runtime) => LambdaFunction<E, R>
type Open = (region: AwsRegion) => Promise<OpenRegion>

/** A function behind the HTTP API: whatever fails is answered in OCI's form. */
export function httpLambdaFunction(make: Make<HttpEvent, HttpResponse>): LambdaFunction<HttpEvent, HttpResponse> {
  const region = thisRegion()
  return composed(region, make, errorAnswer(region.requestWatch, pooledRandom()) as MiddlewareObj)
}

/** A function that a stream, a queue or a schedule calls: what fails as a whole is Lambda's to repeat. */
export function lambdaFunction<E, R>(make: Make<E, R>): LambdaFunction<E, R> {
  const region = thisRegion()
  return composed(region, make, invocationLog(region.log, Date.now))
}

/** As `lambdaFunction`, but each call first compares the region's tables with what is known of them (lib/aws/putBack). */
export function checkingFunction<E, R>(make: Make<E, R>): LambdaFunction<E, R> {
  const region = thisRegion()
  return composed(region, make, invocationLog(region.log, Date.now), (each) => each.checked())
}

/**
 * A function of this region, composed once per instance. A setting that is missing ends the start with its name; the
 * region is opened while Lambda still starts the instance, and again at the next call where that failed.
 */
function composed<E, R>(
  region: AwsRegion,
  make: Make<E, R>,
  ofItsKind: MiddlewareObj,
  open: Open = (each) => each.current(),
): LambdaFunction<E, R> {
  let known: { runtime: Runtime; call: LambdaFunction<E, R> } | undefined
  const starting = region.opened().catch(() => undefined)
  const call = async (event: E, context: Context): Promise<R> => {
    await starting
    const { runtime } = await open(region)
    if (known?.runtime !== runtime) known = { runtime, call: make(runtime) }
    return known.call(event, context)
  }
  // After the call they run from the last to the first.
  const handler = middy<E, R>(call, {
    timeoutEarlyInMillis: reserveMs,
    timeoutEarlyResponse: () => {
      throw unavailable()
    },
  }).use([ofItsKind, flushAudit(() => region.flush()), keepDeadline(region.deadline)] as MiddlewareObj<E, R>[])
  // A caller without a context, as tests are, has no deadline.
  return (event, context = {} as Context) => handler(event, context)
}

let opened: AwsRegion | undefined

/** One per instance, whatever number of functions its bundle holds. */
export function thisRegion(): AwsRegion {
  opened ??= new AwsRegion(awsSettings(process.env))
  return opened
}
