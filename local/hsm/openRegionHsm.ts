import { existsSync } from 'node:fs'
import { keepAsOwn, requireNobodysTokens, requireOwnTokens } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import type { RsaGenerator } from '../../lib/hsm/software/material.ts'
import { openSoftwareHsm, type SoftwareHsm, type SoftwareHsmOptions } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import type { DataFiles } from '../region/region.ts'
import { requireNotCutOff } from './cutOffMigration.ts'
import { remedyFor } from './lostTokens.ts'
import { pinFrom } from './pin.ts'
import { refusedPins, refusedPinsSuffix } from './refusedPins.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { hasToken, tokenLabel, type TokenSettings } from './tokenSettings.ts'
import { tokenOwner } from './tokenOwner.ts'
import { requireFinished, tidyCeremonies } from './unfinishedCeremonies.ts'
import { requireNoneCutOff } from './unfinishedRestores.ts'
import { requireMade } from './unfinishedTokens.ts'

interface RegionHsmParts {
  readonly region: string
  readonly directory: DataFiles
  readonly tokens: TokenSettings | null
  readonly generateRsa?: RsaGenerator
  readonly onChange?: SoftwareHsmOptions['onChange']
  /** Its tokens may be another directory's: nothing is done with them. */
  readonly isLookedAt?: boolean
}

/** A region's HSM as the settings say. @throws UserError where the token is not there or does not let us in. */
export function openRegionHsm({
  region,
  directory,
  tokens,
  generateRsa,
  onChange,
  isLookedAt = false,
}: RegionHsmParts): SoftwareHsm | Pkcs11Hsm {
  const file = directory.file('hsm', `${region}.json`)
  const options = {
    region,
    realm,
    ...(file === undefined ? {} : { file }),
    ...(generateRsa === undefined ? {} : { generateRsa }),
  }
  const told = onChange === undefined ? {} : { onChange }
  if (!hasToken(tokens, region)) {
    return openSoftwareHsm({ ...options, ...told })
  }
  const data = directory.file()
  if (data !== undefined) requireNotCutOff(data, region)
  const { pinFile, allowsSoftwareReplicas } = tokens
  const label = tokenLabel(tokens, region)
  // What the file lacks is said before what a token does, which is not even looked for without it.
  pinFrom(pinFile)
  const refusals = directory.file('hsm', `${region}${refusedPinsSuffix}`)
  const module = loadModule(tokens, directory)
  const token = {
    module,
    owner: data === undefined || isLookedAt ? undefined : tokenOwner(data),
    label,
    ...(data === undefined ? {} : { remedy: () => remedyFor(data, region) }),
    pin: () => pinFrom(pinFile),
    ...(refusals === undefined ? {} : { refusedPins: refusedPins(pinFile, refusals) }),
  }
  if (data !== undefined) requireNoneCutOff(data, region)
  if (data !== undefined) requireMade(data, label)
  if (data !== undefined) requireFinished(data, region, token)
  if (data !== undefined && !isLookedAt) tidyCeremonies(data)
  if (file === undefined) requireNobodysTokens(token)
  else requireOwnTokens(token, !existsSync(file))
  const hsm = openPkcs11Hsm({ ...options, token, allowsSoftwareReplicas, ...told })
  keepAsOwn(token)
  return hsm
}

function loadModule({ module, initArguments }: TokenSettings, directory: DataFiles): Pkcs11Module {
  const data = directory.file()
  if (data !== undefined) useOwnTokens(module, data)
  return Pkcs11Module.load(module, initArguments)
}
