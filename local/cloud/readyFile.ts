import { accessSync, constants, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { UserError, messageOf } from '../../lib/userError.ts'
import type { EndpointsFile } from '../directory/endpointsFile.ts'
import type { MadeByInit } from '../vaultspanTypes.ts'

/** What a program that has started the service waits for: where it is reached, and as whom. */
export interface ReadyFile extends EndpointsFile {
  /** The directory that other commands take as --data. */
  readonly data: string
  /** An OCI configuration file. */
  readonly configFile: string
  /** What --init FILE names, if there was one. */
  readonly made?: MadeByInit
}

interface Ready extends Pick<EndpointsFile, 'regions' | 'homeRegion' | 'tenancyId'> {
  readonly folder: string
}

/**
 * Before a start: the file can be written later, and that of an earlier start is gone, which nobody who waits is to take for
 * this one's. @throws UserError
 */
export function awaitReadyFile(file: string): void {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK)
    rmSync(file, { force: true })
  } catch (cause) {
    throw new UserError(
      `--ready-file ${file}: it cannot be written there (${messageOf(cause)}); name a file in a directory that is there.`,
      { cause },
    )
  }
}

/** Appears as a whole. @throws UserError */
export function writeReadyFile(
  file: string,
  { regions, homeRegion, tenancyId, folder }: Ready,
  made?: MadeByInit,
): void {
  const ready: ReadyFile = {
    regions,
    homeRegion,
    tenancyId,
    rootCompartmentId: tenancyId,
    data: resolve(folder),
    configFile: resolve(folder, 'oci', 'config'),
    ...(made === undefined ? {} : { made }),
  }
  try {
    writeFileDurably(resolve(file), `${JSON.stringify(ready, undefined, 2)}\n`, { mode: 0o644 })
  } catch (cause) {
    throw new UserError(`--ready-file ${file}: ${messageOf(cause)}`, { cause })
  }
}
