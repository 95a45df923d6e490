import { bodyless } from '../../lib/http/operation.ts'
import { toDynamicGroup } from './groupWire.ts'
import { namedPage } from './tenancyWide.ts'

export const listDynamicGroupsOperation = bodyless('ListDynamicGroups', (request) =>
  namedPage(request, 'dynamicGroup', toDynamicGroup),
)
