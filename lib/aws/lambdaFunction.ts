import type { Context } from 'aws-lambda'
import { AwsRegion } from './awsRegion.ts'
import { awsSettings } from './awsSettings.ts'
import type { Runtime } from '../runtime/composeRegion.ts'

export type LambdaFunction<E, R> = (event: E, context?: Context) => Promise<R>

/**
 * A function of this region, composed once per instance. A setting that is missing ends the start with its name; the
 * region is opened while Lambda still starts the instance, and again at the next call where that failed.
 */
export function lambdaFunction<E, R>(make: (ports: Runtime) => LambdaFunction<E, R>): LambdaFunction<E, R> {
  const region = thisRegion()
  let known: { runtime: Runtime; call: LambdaFunction<E, R> } | undefined
  const starting = region.current().catch(() => undefined)
  return async (event, context) => {
    await starting
    const { runtime, flush } = await region.current()
    if (known?.runtime !== runtime) known = { runtime, call: make(runtime) }
    try {
      return await known.call(event, context)
    } finally {
      await flush()
    }
  }
}

let opened: AwsRegion | undefined

/** One per instance, whatever number of functions its bundle holds. */
function thisRegion(): AwsRegion {
  opened ??= new AwsRegion(awsSettings(process.env))
  return opened
}
