import { randomBytes } from 'node:crypto'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { newOcid } from '../../lib/ocid.ts'
import { isRegionName } from '../../lib/regionName.ts'
import { UserError } from '../../lib/userError.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { administratorKey } from '../directory/ociProfile.ts'
import { newHsm, withRegion, type AtHand } from './atHand.ts'
import {
  apartRegion,
  apartTenancy,
  readPeerAddress,
  storeApart,
  type ApartRegion,
  type TenancyOf,
} from './apartRegion.ts'
import { makePeerCertificate } from './peerCertificate.ts'

/** Makes a region's directory: its HSM, the certificate for its peers and, for the home region, the tenancy. @throws UserError */
export function initRegion(path: string, region: ApartRegion): Promise<void> {
  if (!isRegionName(region.region)) {
    return Promise.reject(new UserError(`"${region.region}" is not a region name; write it like us-ashburn-1.`))
  }
  return withRegion(path, async (directory) => {
    readPeerAddress(region.peerAddress)
    const begun = apartTenancy(directory)
    const isOther = begun === undefined ? directory.fact('tenancyId') !== undefined : !isOf(region, begun)
    if (directory.fact('apart') !== undefined || isOther) {
      throw new UserError(`${path} holds a region or a cloud already; choose another --data.`)
    }
    await makePeerCertificate(directory, region.region, Date.now())
    const hsm = newHsm(directory, region.region)
    if (region.isHome) makeTenancy(directory, hsm)
    // Last: a directory that has it is whole.
    storeApart(directory, region)
  })
}

/** Whether a tenancy was made for the very region, by a run that was interrupted: it goes on. */
function isOf({ isHome, region }: ApartRegion, { homeRegion }: TenancyOf): boolean {
  return isHome && homeRegion === region
}

function makeTenancy(directory: HostDirectory, hsm: ProvisionedHsm): void {
  administratorKey(directory)
  const { tenancyId } = apartTenancy(directory) ?? newTenancy(directory, hsm)
  directory.storeFact('tenancyId', tenancyId)
  directory.storeFact('homeRegion', hsm.region)
  directory.storeFact('administratorId', newOcid(randomBytes, 'user'))
}

function newTenancy(directory: HostDirectory, hsm: ProvisionedHsm): TenancyOf {
  const tenancyId = newOcid(randomBytes, 'tenancy')
  const tenancy = { tenancyId, homeRegion: hsm.region, trustRoot: hsm.createTenancyRoot(tenancyId) }
  directory.storeFact('apartTenancy', JSON.stringify(tenancy))
  return tenancy
}

/** The flags of a region that stands, changed. Its peers must be told of an address. @throws UserError */
export function changeRegion(path: string, change: (region: ApartRegion) => ApartRegion): Promise<void> {
  return withRegion(path, async (directory) => {
    const changed = change(apartRegion(directory))
    readPeerAddress(changed.peerAddress)
    storeApart(directory, changed)
  })
}

export async function renewCertificate({ directory }: AtHand): Promise<string> {
  await makePeerCertificate(directory, apartRegion(directory).region, Date.now())
  return 'Made. Next: vaultspan region export FILE, and trust it at the others.'
}
