import { lambdaFunction } from '../../lib/runtime/lambdaFunction.ts'
import { cryptoFunction } from './cryptoFunction.ts'

export const handler = lambdaFunction(cryptoFunction)
