import { httpLambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { vaultFunction } from './vaultFunction.ts'

export const handler = httpLambdaFunction(vaultFunction)
