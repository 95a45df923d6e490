import { provisionFunction } from '../../lib/runtime/provisionFunction.ts'

export const handler = provisionFunction()
