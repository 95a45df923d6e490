import { lambdaFunction } from '../../lib/runtime/lambdaFunction.ts'
import { identityFunction } from './identityFunction.ts'

export const handler = lambdaFunction(identityFunction)
