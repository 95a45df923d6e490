import { lambdaFunction } from '../../lib/runtime/lambdaFunction.ts'
import { scheduleFunction } from './scheduleFunction.ts'

export const handler = lambdaFunction(scheduleFunction)
