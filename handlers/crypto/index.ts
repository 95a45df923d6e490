import { httpLambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { cryptoFunction } from './cryptoFunction.ts'

export const handler = httpLambdaFunction(cryptoFunction)
