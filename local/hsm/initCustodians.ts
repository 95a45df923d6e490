import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { UserError } from '../../lib/userError.ts'
import { requireRegionNames } from '../directory/chooseRegions.ts'
import { holdDirectory } from '../directory/heldDirectory.ts'
import { storedRegions } from '../directory/storedRegions.ts'
import { noRegion } from '../names/noRegion.ts'
import { holdCeremony, type Ceremony, type CeremonySteps } from './ceremony.ts'
import { initHeld, requireFreeLabels, requireUnusedTokens, type NewTokens } from './initTokens.ts'
import { tokenLabel } from './tokenSettings.ts'

/** New tokens whose roots the custodians can bring into others. @throws UserError */
export async function initTokensWithCustodians(tokens: NewTokens, ceremony: Ceremony): Promise<readonly string[]> {
  requireRegionNames(tokens.regions)
  const check = () => {
    requireFreeLabels(tokens)
  }
  const make = (recoveryKey: string) => {
    const lines = initHeld(tokens, recoveryKey)
    const module = Pkcs11Module.load(tokens.module, process.env['PKCS11_INIT_ARGUMENTS'])
    const regions = tokens.regions.map((region) => {
      const token = { module, label: tokenLabel(tokens, region), pin: () => tokens.pin }
      const hsm = openPkcs11Hsm({ region, realm, token })
      return {
        region,
        publicKey: hsm.identityPublicKey,
        tokens: hsm.describeTokens(),
        sign: (bytes: Uint8Array) => hsm.sign(bytes),
        close: () => {
          hsm.close()
        },
      }
    })
    return { lines, library: module.libraryInfo(), regions }
  }
  const requireUnused = () => {
    requireUnusedTokens(tokens)
  }
  return whileHeld(ceremony, { check, make, requireUnused })
}

/** For simulated regions that are there: their roots lie in files, and from now on a backup of those needs no trust in whoever keeps it. */
export async function initSimulatedCustodians(
  regions: readonly string[],
  ceremony: Ceremony,
): Promise<readonly string[]> {
  requireRegionNames(regions)
  const files = regions.map((region) => ({ region, file: join(ceremony.data, 'hsm', `${region}.json`) }))
  const check = () => {
    const missing = files.find(({ file }) => !existsSync(file))
    if (missing !== undefined)
      throw new UserError(
        `${noRegion(missing.region, storedRegions(ceremony.data), ` in ${ceremony.data} yet`)} A new one is to be started once before.`,
      )
  }
  const make = () => ({
    lines: regions.map((region) => `  ${region}  simulated; its state can be backed up from now on`),
    library: null,
    regions: files.map(({ region, file }) => {
      const hsm = openSoftwareHsm({ region, realm, file })
      return {
        region,
        publicKey: hsm.identityPublicKey,
        tokens: [],
        sign: (bytes: Uint8Array) => hsm.sign(bytes),
        close: () => {
          hsm.close()
        },
      }
    }),
  })
  return whileHeld(ceremony, { check, make })
}

/** No other process uses the directory from before its files are looked at until the ceremony has ended. @throws UserError */
async function whileHeld(ceremony: Ceremony, steps: CeremonySteps): Promise<readonly string[]> {
  const held = holdDirectory(ceremony.data)
  try {
    return await holdCeremony(ceremony, steps)
  } finally {
    held.release()
  }
}
