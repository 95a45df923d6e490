import { bodyless } from '../../lib/http/operation.ts'
import { toUser } from './userWire.ts'
import { namedPage } from './tenancyWide.ts'

export const listUsersOperation = bodyless('ListUsers', (request) => namedPage(request, 'user', toUser))
