import { lambdaFunction } from '../../lib/runtime/lambdaFunction.ts'
import { keysFunction } from './keysFunction.ts'

export const handler = lambdaFunction(keysFunction)
