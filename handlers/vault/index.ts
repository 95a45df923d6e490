import { lambdaFunction } from '../../lib/runtime/lambdaFunction.ts'
import { vaultFunction } from './vaultFunction.ts'

export const handler = lambdaFunction(vaultFunction)
