import { checkingFunction, lambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { recoverFunction } from '../../lib/aws/putBack/recoverFunction.ts'
import { outcomeFunction } from './outcome.ts'
import { applyFunction } from './apply.ts'
import { fanOutFunction } from './fanOut.ts'
import { reconcileFunction } from './reconcile.ts'

export const fanOut = lambdaFunction(fanOutFunction)
export const apply = lambdaFunction(applyFunction)
export const outcome = lambdaFunction(outcomeFunction)
export const reconcile = checkingFunction(reconcileFunction)
export const recover = recoverFunction()
