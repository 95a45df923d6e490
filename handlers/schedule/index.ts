import { lambdaFunction } from '../../lib/aws/lambdaFunction.ts'
import { scheduleFunction } from './scheduleFunction.ts'

export const handler = lambdaFunction(scheduleFunction)
