import { existsSync } from 'node:fs'
import { isRegionName } from '../../lib/regionName.ts'
import { vaultsInFile } from '../../lib/store/sqlite/vaultsInFile.ts'
import type { HostDirectory } from './hostDirectory.ts'
import { UserError } from '../../lib/userError.ts'

export const defaultRegions = ['us-ashburn-1', 'us-phoenix-1']

/** Those of the last start, of the command line, or two. @throws UserError */
export function chooseRegions(directory: HostDirectory, wanted: readonly string[] | undefined): readonly string[] {
  const before = knownRegions(directory)
  const regions = wanted ?? (before.length === 0 ? defaultRegions : before)
  requireRegionNames(regions)
  const home = directory.fact('homeRegion')
  if (home !== undefined && !regions.includes(home)) {
    throw new UserError(`The home region ${home} must be among --regions.`)
  }
  for (const region of before) if (!regions.includes(region)) requireEmpty(directory, region, before)
  // Ports go by position, so known regions keep theirs and new ones come last.
  return [
    ...before.filter((region) => regions.includes(region)),
    ...regions.filter((region) => !before.includes(region)),
  ]
}

/** @throws UserError where one is no name, or stands there twice. */
export function requireRegionNames(regions: readonly string[]): void {
  const wrong = regions.find((region) => !isRegionName(region))
  if (wrong !== undefined) throw new UserError(`"${wrong}" is not a region name; write it like us-ashburn-1.`)
  const twice = regions.find((region, index) => regions.indexOf(region) !== index)
  if (twice !== undefined) throw new UserError(`--regions names ${twice} twice; name each region once.`)
}

/** The regions of the last start that succeeded. */
export function knownRegions(directory: HostDirectory): readonly string[] {
  return directory.fact('regions')?.split(',') ?? []
}

/** A region without vaults is left out, its files kept: named again, it goes on from there. */
function requireEmpty(directory: HostDirectory, region: string, before: readonly string[]): void {
  const own = vaultsIn(directory, region).length
  const replicas = before
    .filter((other) => other !== region)
    .flatMap((other) => vaultsIn(directory, other))
    .filter(({ replicaRegion }) => replicaRegion === region).length
  if (own + replicas === 0) return
  throw new UserError(
    `${region} has vaults or replicas here and cannot be left out. Delete its replicas (DeleteVaultReplica) and let ` +
      'the deletion of its vaults come to its end, or name it among --regions.',
  )
}

function vaultsIn(directory: HostDirectory, region: string) {
  const file = directory.file('regions', `${region}.db`)
  return file === undefined || !existsSync(file) ? [] : vaultsInFile(file)
}
