import { UserError } from '../../lib/userError.ts'
import { listenKnown } from '../gateway/listenKnown.ts'
import { portReason } from '../gateway/requireFreePorts.ts'
import { addressAt } from '../names/advertised.ts'
import type { Gateway } from '../workers/gateway.ts'
import type { RegionSwitch } from './faults.ts'
import type { Region, RegionParts } from './region.ts'

/** Where a region listens, which ends and begins again as it is broken on purpose and healed. */
export type RegionListener = Pick<Region, 'listen'> & Pick<RegionSwitch, 'break' | 'heal'>

/** `know`: of the region's own port. */
export function regionListener(
  { region, regions, settings, faults }: Pick<RegionParts, 'region' | 'regions' | 'settings' | 'faults'>,
  gateway: Gateway,
  know: (port: number) => void,
): RegionListener {
  const address = addressAt(settings, regions.indexOf(region))
  const listening = new Set<number>()
  const listen = async (port: number) => {
    const actual = await gateway.listen(port, address)
    listening.add(actual)
    // A region that is cut off gives out ports, but nobody reaches them until it heals.
    if (faults.isCut(region)) await gateway.close()
    return actual
  }
  return {
    listen: async (port, vaultId) => {
      if (vaultId !== undefined) return listen(port)
      try {
        return await listenKnown(port, know, listen)
      } catch (cause) {
        throw new UserError(portReason(port, cause), { cause })
      }
    },
    break: async (how) => {
      await gateway.stand(how)
      if (how === 'cut') await gateway.close()
    },
    heal: async () => {
      await gateway.stand(undefined)
      for (const port of listening) if (!gateway.isListening(port)) await gateway.listen(port, address)
    },
  }
}
