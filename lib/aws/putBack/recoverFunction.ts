import { thisRegion } from '../lambdaFunction.ts'
import { recoverRegion, type RecoverCall } from './recoverRegion.ts'

/** Invoked by `npm run put-back`, with AWS credentials: no route leads here. It serves where nothing else does. */
export function recoverFunction(): (call: RecoverCall) => Promise<unknown> {
  const region = thisRegion()
  return async (call) => {
    const { runtime } = await region.opened()
    try {
      return await recoverRegion({ runtime, tenancyIds: region.tenancyIds, known: () => region.standing.known() }, call)
    } finally {
      await region.flush()
    }
  }
}
