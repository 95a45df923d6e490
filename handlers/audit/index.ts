import { lambdaFunction } from '../../lib/runtime/lambdaFunction.ts'
import { auditFunction } from './auditFunction.ts'

export const handler = lambdaFunction(auditFunction)
