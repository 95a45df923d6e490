import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { diskIsFull, diskRefusal } from '../../lib/diskRefusal.ts'
import { isKmsError } from '../../lib/errors.ts'
import { newOcid } from '../../lib/ocid.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import { chooseRegions } from '../directory/chooseRegions.ts'
import { FreshFiles } from '../directory/freshFiles.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { administratorKey, type AdministratorKey } from '../directory/ociProfile.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { noRoomIn } from '../directory/unusable.ts'
import { requireTokenRegions } from '../hsm/tokenSettings.ts'
import type { Begun } from './bringUp.ts'
import { addressAt, regionPort, type Reached } from '../names/advertised.ts'
import { requireFreePorts, type WantedPort } from '../gateway/requireFreePorts.ts'
import { UserError, messageOf } from '../../lib/userError.ts'

export interface StartOptions {
  /** ':memory:' keeps nothing. */
  readonly directory: string
  /** Region i listens at port + i, vaults from port + 100; 0 takes any free ports. */
  readonly port: number
  /** Undefined: those of the last start, or two. */
  readonly regions?: readonly string[]
  /** Cut off before anything is sent. */
  readonly cut?: string
  /** What belongs to the start, once the regions serve: where it fails, so does the start. */
  readonly begin?: (begun: Begun) => Promise<unknown>
  /** A region that is known to have been put back to an older copy, and is to take back what others have. */
  readonly recover?: string
}

/** What a start knows before any region is open. */
export interface Prepared {
  readonly directory: HostDirectory
  readonly port: number
  readonly regions: readonly string[]
  readonly homeRegion: string
  readonly tenancyId: string
  readonly userId: string
  readonly key: AdministratorKey
  /** Where the regions listen, and what answers carry. */
  readonly reached: Reached
  /** The file of the authority whom clients are to trust. */
  readonly authority?: string
  readonly recover?: string
}

/**
 * Opens the directory, which no other process may use then, and runs what starts a cloud in it. Where that fails the
 * directory is closed and, if this start made it, goes as it came. @throws UserError, one line, for everything a person
 * can put right.
 */
export async function startInDirectory<T>(path: string, start: (directory: HostDirectory) => Promise<T>): Promise<T> {
  const fresh = freshFiles(path)
  const directory = openFresh(path, fresh)
  try {
    return await start(directory)
  } catch (cause) {
    directory.close()
    fresh?.remove()
    if (isDiskRefusal(cause)) throw noRoomIn(path, cause)
    throw cause instanceof UserError ? cause : new UserError(messageOf(cause), { cause })
  }
}

/** Of another process only the text arrives. */
function isDiskRefusal(cause: unknown): boolean {
  return isKmsError(cause, 'cannotStore') || messageOf(cause) === diskIsFull().message
}

/** Where the directory itself found no room, what there is of it goes. Where it is in use, what there is is another's. */
function openFresh(path: string, fresh: FreshFiles | undefined): HostDirectory {
  try {
    return new HostDirectory(path)
  } catch (cause) {
    const why = Error.isError(cause) ? cause.cause : undefined
    if (isKmsError(diskRefusal(why), 'cannotStore')) fresh?.remove()
    throw cause
  }
}

/** Of a cloud that is there already a failed start changes nothing; a new one goes as it came. */
function freshFiles(directory: string): FreshFiles | undefined {
  return directory === ':memory:' || existsSync(join(directory, 'host.db')) ? undefined : FreshFiles.in(directory)
}

/** @throws UserError before anything is written, where the directory is damaged or a port is taken. */
export async function prepareStart(
  directory: HostDirectory,
  { port, regions: wanted, recover, cut }: Pick<StartOptions, 'port' | 'regions' | 'recover' | 'cut'>,
  reached: Reached & Pick<CloudSettings, 'tokens'>,
): Promise<Prepared> {
  if (directory.fact('apart') !== undefined) {
    throw new UserError(
      `${directory.path ?? ''} holds one region of several machines; start it with vaultspan region start.`,
    )
  }
  requireComplete(directory)
  directory.makeFolders()
  const regions = chooseRegions(directory, wanted)
  requireKnown('--cut', cut, regions)
  requireKnown('--recover', recover, regions)
  requireAddresses(reached, regions)
  requireTokenRegions(reached.tokens, regions)
  if (port !== 0) await requireFreePorts(portsOf(directory, regions, port, reached))
  // Before the facts that say that there is one.
  const key = administratorKey(directory)
  return {
    directory,
    port,
    regions,
    homeRegion: storedFact(directory, 'homeRegion', () => regions[0] ?? ''),
    tenancyId: storedFact(directory, 'tenancyId', () => newOcid(randomBytes, 'tenancy')),
    userId: storedFact(directory, 'administratorId', () => newOcid(randomBytes, 'user')),
    key,
    reached: { host: reached.host, advertised: reached.advertised },
    ...(recover === undefined ? {} : { recover }),
  }
}

/** The regions' ports, and those that vaults have. */
function portsOf(
  directory: HostDirectory,
  regions: readonly string[],
  base: number,
  reached: Reached,
): readonly WantedPort[] {
  const own = regions.map((_, index) => ({
    port: regionPort(reached, base, index),
    address: addressAt(reached, index),
  }))
  const vaults = directory.ports().flatMap(({ port, region }) => {
    const index = regions.indexOf(region)
    return index < 0 ? [] : [{ port, address: addressAt(reached, index), vaultRegion: region }]
  })
  return [...own, ...vaults]
}

function requireKnown(flag: string, region: string | undefined, regions: readonly string[]): void {
  if (region === undefined || regions.includes(region)) return
  throw new UserError(`${flag} ${region}: there is no such region; name one of ${regions.join(', ')}.`)
}

function requireAddresses({ host }: Reached, regions: readonly string[]): void {
  const count = host.split(',').length
  if (count === 1 || count === regions.length) return
  throw new UserError(`--host takes one address, or one for each of the ${regions.length} regions; it has ${count}.`)
}

function storedFact(directory: HostDirectory, name: string, make: () => string): string {
  const known = directory.fact(name)
  if (known !== undefined) return known
  const made = make()
  directory.storeFact(name, made)
  return made
}
