import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { openSoftwareHsm, type SoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { newOcid, realm } from '../../lib/ocid.ts'
import { isRegionName } from '../../lib/regionName.ts'
import { UserError } from '../../lib/userError.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { administratorKey } from '../directory/ociProfile.ts'
import { startInDirectory } from '../cloud/prepareStart.ts'
import { apartRegion, readPeerAddress, storeApart, type ApartRegion } from './apartRegion.ts'
import { makePeerCertificate } from './peerCertificate.ts'

/** Opens a directory that a command works on while no region runs in it. A new one that fails goes as it came. */
export async function withRegion<T>(path: string, work: (directory: HostDirectory) => Promise<T>): Promise<T> {
  return startInDirectory(path, async (directory) => {
    const result = await work(directory)
    directory.close()
    return result
  })
}

/** Makes a region's directory: its HSM, the certificate for its peers and, for the home region, the tenancy. @throws UserError */
export function initRegion(path: string, region: ApartRegion): Promise<void> {
  if (!isRegionName(region.region)) {
    return Promise.reject(new UserError(`"${region.region}" is not a region name; write it like us-ashburn-1.`))
  }
  return withRegion(path, async (directory) => {
    readPeerAddress(region.peerAddress)
    if (directory.fact('apart') !== undefined || directory.fact('tenancyId') !== undefined) {
      throw new UserError(`${path} holds a region or a cloud already; choose another --data.`)
    }
    await makePeerCertificate(directory, region.region, Date.now())
    const file = directory.file('hsm', `${region.region}.json`) ?? ''
    const hsm = openSoftwareHsm({ region: region.region, realm, file })
    if (region.isHome) makeTenancy(directory, hsm)
    // Last: a directory that has it is whole.
    storeApart(directory, region)
  })
}

/** @throws UserError where it is lost: a new one would open nothing of what stands beside it. */
export function openHsm(directory: HostDirectory, region: string): SoftwareHsm {
  const file = directory.file('hsm', `${region}.json`) ?? ''
  if (existsSync(file)) return openSoftwareHsm({ region, realm, file })
  throw new UserError(`${file} is missing; it holds the region's HSM. Put it back from a copy of the directory.`)
}

function makeTenancy(directory: HostDirectory, hsm: SoftwareHsm): void {
  const tenancyId = newOcid(randomBytes, 'tenancy')
  administratorKey(directory)
  const tenancy = { tenancyId, homeRegion: hsm.region, trustRoot: hsm.createTenancyRoot(tenancyId) }
  directory.storeFact('apartTenancy', JSON.stringify(tenancy))
  directory.storeFact('tenancyId', tenancyId)
  directory.storeFact('homeRegion', hsm.region)
  directory.storeFact('administratorId', newOcid(randomBytes, 'user'))
}

/** The flags of a region that stands, changed. Its peers must be told of an address. @throws UserError */
export function changeRegion(path: string, change: (region: ApartRegion) => ApartRegion): Promise<void> {
  return withRegion(path, async (directory) => {
    const changed = change(apartRegion(directory))
    readPeerAddress(changed.peerAddress)
    storeApart(directory, changed)
  })
}

export function renewCertificate(path: string): Promise<void> {
  return withRegion(path, async (directory) => {
    await makePeerCertificate(directory, apartRegion(directory).region, Date.now())
  })
}
