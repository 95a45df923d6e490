import { keyOperation } from './keyOperation.ts'

export const getKeyOperation = keyOperation('GetKey', { run: async (_request, { key }) => key })
