import { provisionFunction } from '../../lib/aws/provisionFunction.ts'

export const handler = provisionFunction()
