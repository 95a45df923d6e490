import { lambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { outcomeFunction } from './outcome.ts'
import { applyFunction } from './apply.ts'
import { fanOutFunction } from './fanOut.ts'
import { reconcileFunction } from './reconcile.ts'

export const fanOut = lambdaFunction(fanOutFunction)
export const apply = lambdaFunction(applyFunction)
export const outcome = lambdaFunction(outcomeFunction)
export const reconcile = lambdaFunction(reconcileFunction)
