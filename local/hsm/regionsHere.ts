import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { defaultRegions } from '../directory/chooseRegions.ts'
import type { EndpointsFile } from '../directory/endpointsFile.ts'
import { storedRegions } from '../directory/storedRegions.ts'

/**
 * The regions that hsm init and hsm status take where no flag names any, by files that a running service does not lock.
 * `named`: those of PKCS11_REGIONS, which on a region's own machine may name its peers, too. @throws UserError where it names
 * one that the directory has not, or not the one that it has.
 */
export function regionsHere(data: string, named: readonly string[] | null): readonly string[] {
  // What region init has made.
  if (existsSync(join(data, 'peer'))) return ownRegion(data, named)
  if (named === null) return servedLast(data) ?? defaultRegions
  // Before it has served, what lies there may be a part: one region's tokens are restored before the other's.
  const there = servedLast(data) === undefined ? undefined : regionsIn(data)
  if (there === undefined) return named
  const stranger = named.find((region) => !there.includes(region))
  if (stranger === undefined) return named
  throw new UserError(
    `PKCS11_REGIONS names ${stranger}, which is no region in ${data}; there are ${there.join(', ')}. One that is to come is named by --regions here, and by the next start.`,
  )
}

function ownRegion(data: string, named: readonly string[] | null): readonly string[] {
  const own = storedRegions(data)
  const both = named?.filter((region) => own.includes(region)) ?? own
  if (both.length > 0) return both
  if (named === null) return servedLast(data) ?? defaultRegions
  if (own.length === 0) return named
  throw new UserError(
    `PKCS11_REGIONS does not name ${own.join(', ')}, which is the region in ${data}; name it, or set HSM=simulated for it.`,
  )
}

/** A line for each that is none of the directory's, or of those that a first start makes: one that is to come, or a slip. */
export function regionsToCome(data: string, regions: readonly string[]): readonly string[] {
  const there = regionsIn(data)
  const hasNotServed = servedLast(data) === undefined && !existsSync(join(data, 'peer'))
  const [known, which] = hasNotServed
    ? [[...new Set([...there, ...defaultRegions])], 'a first start makes']
    : [there, `there are in ${data}`]
  return regions
    .filter((region) => !known.includes(region))
    .map(
      (region) =>
        `  ${region} is none of the regions that ${which} (${known.join(', ')}): name it to the next start, too (--regions); where it is a slip, begin again`,
    )
}

/** Of the last start, and those whose rows or HSM's state lie there. */
function regionsIn(data: string): readonly string[] {
  return [...new Set([...(servedLast(data) ?? []), ...storedRegions(data)])]
}

function servedLast(data: string): readonly string[] | undefined {
  try {
    const { regions } = parseJson(readFileSync(join(data, 'endpoints.json'), 'utf8')) as EndpointsFile
    return regions.map(({ region }) => region)
  } catch {
    return undefined
  }
}
