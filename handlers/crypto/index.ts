import { lambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { cryptoFunction } from './cryptoFunction.ts'

export const handler = lambdaFunction(cryptoFunction)
