import { join } from 'node:path'
import { defaultRegions } from './directory/chooseRegions.ts'
import { applyInit } from './init/applyInit.ts'
import { parseInit } from './init/initFile.ts'
import { readInit } from './init/initOfStart.ts'
import { startInMemory } from './cloud/memory.ts'
import type { MadeByInit, Vaultspan, VaultspanOptions } from './vaultspanTypes.ts'

export type * from './vaultspanTypes.ts'

/**
 * Starts a cloud in memory, in this process, on free ports of 127.0.0.1; several may run side by side. Replication needs no
 * policy of its own unless the options say so. @throws where an option is none.
 */
export async function startVaultspan(options: VaultspanOptions = {}): Promise<Vaultspan> {
  const { regions = defaultRegions, requiresServicePolicy = false, replicationAck = 'available' } = options
  const { init } = options
  const wanted = typeof init === 'string' ? await readInit(init) : parseInit(init ?? {})
  let made: MadeByInit | undefined
  const cloud = await startInMemory({
    port: 0,
    regions,
    settings: { requiresServicePolicy, replicationAck },
    begin: async (begun) => {
      made = (await applyInit(begun, wanted)).made
    },
  })
  const { tenancyId, homeRegion, administrator } = cloud
  return {
    regions: cloud.regions,
    homeRegion,
    tenancyId,
    administrator,
    made: made ?? { compartments: {}, groups: {}, users: {}, policies: {}, vaults: {} },
    configFile: join(cloud.folder, 'oci', 'config'),
    endpoint: (region = homeRegion) => {
      const found = cloud.regions.find((each) => each.region === region)
      if (found === undefined) throw new RangeError(`There is no region ${region}; there are ${regions.join(', ')}.`)
      return found.endpoint
    },
    faults: {
      cut: (region) => cloud.faults.break(region, 'cut'),
      hang: (region) => cloud.faults.break(region, 'hang'),
      refuse: (region) => cloud.faults.break(region, 'refuse'),
      slow: (a, b, delayMs) => {
        cloud.faults.slow(a, b, delayMs)
      },
      heal: () => cloud.faults.heal(),
    },
    clock: {
      now: () => new Date(cloud.faults.clock()),
      advance: async (ms) => {
        if (!Number.isInteger(ms) || ms < 0) throw new RangeError('A clock goes forward by whole milliseconds.')
        await cloud.faults.advance(ms)
        await cloud.idle()
      },
    },
    idle: () => cloud.idle(),
    close: () => cloud.close(),
  }
}
