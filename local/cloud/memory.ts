import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeEndpoints } from '../directory/endpointsFile.ts'
import { keepAdministratorKey, writeCliDefaults, writeOciConfig } from '../directory/ociProfile.ts'
import { startCloud, type Cloud, type CloudOptions } from './startCloud.ts'

/** A cloud that keeps nothing, and a folder for what its clients need: a profile, where it is reached, a socket for commands. */
export interface MemoryCloud extends Cloud {
  readonly folder: string
}

/** @throws UserError */
export async function startInMemory(options: Omit<CloudOptions, 'directory' | 'commandsIn'>): Promise<MemoryCloud> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultspan-'))
  const remove = () => {
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const cloud = await startCloud({ ...options, directory: ':memory:', commandsIn: folder })
    writeProfile(folder, cloud)
    const close = async () => {
      await cloud.close()
      remove()
    }
    return { ...cloud, folder, close }
  } catch (cause) {
    remove()
    throw cause
  }
}

function writeProfile(folder: string, { tenancyId, homeRegion, administrator, regions }: Cloud): void {
  const files = { file: (...parts: readonly string[]) => join(folder, ...parts) }
  mkdirSync(files.file('oci'))
  keepAdministratorKey(files, administrator)
  writeOciConfig(files, { ...administrator, tenancyId, region: homeRegion })
  writeCliDefaults(files, regions.find(({ region }) => region === homeRegion)?.endpoint ?? '', tenancyId)
  writeEndpoints(files, { regions, homeRegion, tenancyId, rootCompartmentId: tenancyId })
}
