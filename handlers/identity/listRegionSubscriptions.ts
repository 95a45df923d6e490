import { bodyless } from '../../lib/http/operation.ts'
import { publicRegionKey } from '../../lib/regionKeys.ts'
import { authorizedOwnTenancy } from './tenancyWire.ts'

/** Every tenancy is in every region of its cloud. */
export const listRegionSubscriptionsOperation = bodyless('ListRegionSubscriptions', async (request) => {
  authorizedOwnTenancy(request)
  const { endpoints, homeRegion } = request.ports
  const body = endpoints.regions.map((regionName) => ({
    regionKey: publicRegionKey(regionName),
    regionName,
    status: 'READY',
    isHomeRegion: regionName === homeRegion,
  }))
  return { body }
})
