import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../lib/userError.ts'
import type { EndpointsFile } from '../directory/endpointsFile.ts'
import { reachService } from '../tour/reachService.ts'
import { read } from './callerProfile.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** Where to call, and as whose tenancy: flags, or the files of a service that runs on this machine. */
export interface ServicePlace {
  readonly endpoint: string
  readonly tenancyId: string | undefined
  readonly region: string | undefined
}

export interface PlaceFlags {
  readonly data: string
  readonly endpoint?: string
}

/** @throws UserError where neither says it. */
export async function servicePlace({ data, endpoint }: PlaceFlags): Promise<ServicePlace> {
  const file = join(data, 'endpoints.json')
  if (!existsSync(file)) {
    if (endpoint !== undefined) return { endpoint, tenancyId: undefined, region: undefined }
    throw new UserError(
      `There is no service in ${data}; name its directory (--data) or a region's endpoint (--endpoint).`,
    )
  }
  const found = parseJson(read(file)) as EndpointsFile
  await reachService(data, found).catch(() => undefined)
  const place = found.regions.find((each) =>
    endpoint === undefined ? each.region === found.homeRegion : each.endpoint === endpoint,
  )
  return { endpoint: endpoint ?? place?.endpoint ?? '', tenancyId: found.tenancyId, region: place?.region }
}
