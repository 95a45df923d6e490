import { bodyless } from '../../lib/http/operation.ts'
import { toGroup } from './groupWire.ts'
import { namedPage } from './tenancyWide.ts'

export const listGroupsOperation = bodyless('ListGroups', (request) => namedPage(request, 'group', toGroup))
