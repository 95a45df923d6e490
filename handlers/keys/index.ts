import { httpLambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { keysFunction } from './keysFunction.ts'

export const handler = httpLambdaFunction(keysFunction)
