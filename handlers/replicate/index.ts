import { lambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { acknowledgeFunction } from './acknowledge.ts'
import { applyFunction } from './apply.ts'
import { fanOutFunction } from './fanOut.ts'
import { reconcileFunction } from './reconcile.ts'

export const fanOut = lambdaFunction(fanOutFunction)
export const apply = lambdaFunction(applyFunction)
export const acknowledge = lambdaFunction(acknowledgeFunction)
export const reconcile = lambdaFunction(reconcileFunction)
