import { lambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { keysFunction } from './keysFunction.ts'

export const handler = lambdaFunction(keysFunction)
