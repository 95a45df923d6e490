import { httpLambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { auditFunction } from './auditFunction.ts'

export const handler = httpLambdaFunction(auditFunction)
