import { bodyless } from '../../lib/http/operation.ts'
import { authorizedTagDefault, tagDefaultAnswer } from './tagDefaultWire.ts'

export const getTagDefaultOperation = bodyless('GetTagDefault', async (request) =>
  tagDefaultAnswer(request, await authorizedTagDefault(request)),
)
