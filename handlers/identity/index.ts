import { httpLambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { identityFunction } from './identityFunction.ts'

export const handler = httpLambdaFunction(identityFunction)
