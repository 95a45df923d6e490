import { lambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { identityFunction } from './identityFunction.ts'

export const handler = lambdaFunction(identityFunction)
