import { bodyless } from '../../lib/http/operation.ts'
import { publicRegionKey } from '../../lib/regionKeys.ts'

/** Those of this cloud. */
export const listRegionsOperation = bodyless('ListRegions', async ({ ports }) => ({
  body: ports.endpoints.regions.map((name) => ({ key: publicRegionKey(name), name })),
}))
