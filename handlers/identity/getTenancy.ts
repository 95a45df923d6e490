import { bodyless } from '../../lib/http/operation.ts'
import { publicRegionKey } from '../../lib/regionKeys.ts'
import { authorizedOwnTenancy } from './tenancyWire.ts'

export const getTenancyOperation = bodyless('GetTenancy', async (request) => {
  const id = authorizedOwnTenancy(request)
  return {
    body: {
      id,
      name: request.caller.tree.nameOf(id) ?? '',
      description: '',
      homeRegionKey: publicRegionKey(request.ports.homeRegion),
      upiIdcsCompatibilityLayerEndpoint: null,
      freeformTags: {},
      definedTags: {},
    },
  }
})
