import { UserError } from '../../lib/userError.ts'
import { apartRegion, apartTenancy, storeTrusted, trustedRegions } from './apartRegion.ts'
import type { AtHand, LinkedVault } from './atHand.ts'
import { toldOfTrust } from './trustRegion.ts'

/**
 * Leaves a region out. `isLost`: it does not come back, so that what links vaults to it is ended here alone. Resolves with a
 * line for a person. @throws UserError where something of it stands here.
 */
export async function forgetRegion(
  { directory, vaults, audit, endLinks, forgetPeer }: AtHand,
  region: string,
  isLost: boolean,
): Promise<string> {
  const { [region]: left, ...others } = trustedRegions(directory)
  if (left === undefined) throw new UserError(`${region} is not trusted here.`)
  const tenancy = apartTenancy(directory)
  if (region === tenancy?.homeRegion) throw new UserError(`${region} is the home region, and stays.`)
  const own = apartRegion(directory).region
  const standing = await vaults()
  const linked = standing.filter((vault) => isLinked(vault, own, region))
  const ofIts = standing.filter(({ primaryRegion }) => primaryRegion === region)
  if (!isLost && linked.length + ofIts.length > 0) {
    throw new UserError(
      `Vaults here have their replica or their source in ${region}. Delete the replicas (DeleteVaultReplica) first; where it is lost for good, add --lost.`,
    )
  }
  if (linked.length > 0 && endLinks === undefined)
    throw new UserError(
      `Vaults here have their replica in ${region}: start this region, which ends that, and ask again.`,
    )
  if (tenancy !== undefined) {
    const { tenancyId } = tenancy
    const current = isLost ? { current: { isLost, endedReplicas: linked.map(({ id }) => id) } } : {}
    const effect = { resourceId: tenancyId, resourceName: region, previous: toldOfTrust(left), ...current }
    await audit(tenancyId, 'ForgetRegion', effect)
  }
  if (linked.length > 0) await endLinks?.(region)
  await forgetPeer(region)
  storeTrusted(directory, others)
  return [`${region} is trusted no more.`, ...(isLost ? [toldOfLoss(linked.length, ofIts.length)] : [])].join(' ')
}

function isLinked({ primaryRegion, replicaRegion }: LinkedVault, own: string, region: string): boolean {
  return primaryRegion === own && replicaRegion === region
}

function toldOfLoss(linked: number, ofIts: number): string {
  return `Vaults that had their replica there, and have none now: ${linked}. Replicas here whose source is lost, which encrypt and decrypt on and change no more: ${ofIts}.`
}
