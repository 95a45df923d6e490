import { join } from 'node:path'
import { UserError } from '../../lib/userError.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import type { RegionCommands } from '../processes/protocol.ts'
import { copyFile } from './copyFile.ts'

/** A region whose store is copied. As in RegionCommands. */
export interface CopiedRegion extends Pick<RegionCommands, 'holdInbox' | 'releaseInbox' | 'freeze' | 'thaw'> {
  readonly name: string
}

export interface CopiedDatabases {
  readonly takenAt: string
  readonly tenancyId: string
  readonly homeRegion: string
  /** Of each region, how many changes it had committed. */
  readonly marks: Readonly<Record<string, number>>
}

const patienceMs = 5_000

/**
 * Copies the stores of all regions as they were at one moment, and then the ports of their vaults. While no region takes messages every
 * store is frozen: so no copy knows of anything that another has not committed, and what was under way is sent once more.
 * Where vaults listen is kept before anybody is told, so the later copy has the ports of all vaults.
 * @throws UserError where a region does not answer.
 */
export async function copyDatabases(
  directory: HostDirectory,
  regions: readonly CopiedRegion[],
  to: string,
): Promise<CopiedDatabases> {
  const everywhere = <T>(ask: (region: CopiedRegion) => Promise<T>) =>
    Promise.all(regions.map((each) => inTime(each, ask)))
  const anyway = (ask: (region: CopiedRegion) => Promise<void>) =>
    Promise.allSettled(regions.map((each) => inTime(each, ask)))
  try {
    const marks = await everywhere((region) => region.holdInbox())
      .then(() => everywhere((region) => region.freeze()))
      .finally(() => anyway((region) => region.releaseInbox()))
    const takenAt = new Date().toISOString()
    for (const { name } of regions) await copyFile(fileOf(directory, name), join(to, 'regions', `${name}.db`))
    directory.copyTo(join(to, 'host.db'))
    return {
      takenAt,
      tenancyId: directory.fact('tenancyId') ?? '',
      homeRegion: directory.fact('homeRegion') ?? '',
      marks: Object.fromEntries(regions.map(({ name }, index) => [name, marks[index] ?? 0])),
    }
  } finally {
    await anyway((region) => region.thaw())
  }
}

function fileOf(directory: HostDirectory, region: string): string {
  const file = directory.file('regions', `${region}.db`)
  if (file === undefined) throw new UserError('A cloud in memory has no snapshot.')
  return file
}

/** One that hangs must not hold up the others. */
async function inTime<T>(region: CopiedRegion, ask: (region: CopiedRegion) => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => {
      fail(new UserError(`${region.name} did not answer within ${patienceMs / 1000} s, so there is no snapshot.`))
    }, patienceMs)
  })
  try {
    return await Promise.race([ask(region), late])
  } finally {
    clearTimeout(timer)
  }
}
