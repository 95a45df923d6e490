import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseJson } from '../../lib/parseJson.ts'
import { defaultRegions } from '../directory/chooseRegions.ts'
import type { EndpointsFile } from '../directory/endpointsFile.ts'
import { storedRegions } from '../directory/storedRegions.ts'

/**
 * The regions that hsm init and hsm status take where no flag names any, by files that a running service does not lock.
 * `named`: those of PKCS11_REGIONS, which on a region's own machine may name its peers, too.
 */
export function regionsHere(data: string, named: readonly string[] | null): readonly string[] {
  // What region init has made.
  if (existsSync(join(data, 'peer'))) {
    const own = storedRegions(data)
    const both = named?.filter((region) => own.includes(region)) ?? own
    if (both.length > 0) return both
  }
  return named ?? servedLast(join(data, 'endpoints.json')) ?? defaultRegions
}

function servedLast(file: string): readonly string[] | undefined {
  try {
    const { regions } = parseJson(readFileSync(file, 'utf8')) as EndpointsFile
    return regions.map(({ region }) => region)
  } catch {
    return undefined
  }
}
