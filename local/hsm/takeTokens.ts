import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { markOwner } from '../../lib/hsm/pkcs11/ownerMark.ts'
import { poolLabels } from '../../lib/hsm/pkcs11/ownTokens.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/pkcs11Module.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/regionToken.ts'
import type { TokenOptions } from '../../lib/hsm/pkcs11/tokenOptions.ts'
import { realm } from '../../lib/ocid.ts'
import { UserError } from '../../lib/userError.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { requireTokensIn } from './requireTokensIn.ts'
import { statesIn } from '../directory/requireRows.ts'
import type { auditAtRest } from '../region/chainedAtRest.ts'
import { remedyFor } from './lostTokens.ts'
import { pinFrom } from './pin.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { beginAsOwner } from './tokenOwner.ts'
import { hasToken, tokenLabel, type TokenSettings } from './tokenSettings.ts'

/**
 * Gives the tokens of a cloud to this directory, in the place of the one that had them and never runs again: after a restore
 * of its snapshot, or where it was moved. With the service stopped; no key is changed. `audit`: of each region, before its
 * first token is taken. @throws UserError
 */
export async function takeTokens(
  data: string,
  settings: TokenSettings,
  audit: typeof auditAtRest,
): Promise<readonly string[]> {
  if (!existsSync(join(data, 'host.db')))
    throw new UserError(`There is no cloud in ${data}; name its directory with --data, or restore its snapshot first.`)
  const directory = new HostDirectory(data)
  const opened: Pkcs11Hsm[] = []
  try {
    requireComplete(directory)
    requireTokensIn(directory, settings)
    useOwnTokens(settings.module, data)
    const module = Pkcs11Module.load(settings.module, settings.initArguments)
    const pin = () => pinFrom(settings.pinFile)
    const inTokens = statesIn(data).filter(
      ([region, { format }]) => hasToken(settings, region) && format.startsWith('vaultspan/pkcs11-hsm/'),
    )
    const tokens = inTokens.map(([region]) => {
      const token = { module, label: tokenLabel(settings, region), pin, remedy: () => remedyFor(data, region) }
      // The state and the token belong together, or nothing is taken.
      opened.push(openPkcs11Hsm({ region, realm, file: join(data, 'hsm', `${region}.json`), token }))
      return token
    })
    const owner = beginAsOwner(data)
    if (owner === undefined) return [`  the tokens lie in ${data} and are its own: there is nothing to take`]
    const labels = tokens.flatMap(labelsOf)
    const tenancyId = directory.fact('tenancyId') ?? ''
    for (const hsm of opened) {
      const { region } = hsm
      const effect = { resourceId: tenancyId, resourceName: region, current: { tokens: labelsOf(hsm.tokenOptions) } }
      await audit({ region, file: join(data, 'regions', `${region}.db`), hsm }, tenancyId, 'TakeTokens', effect)
    }
    for (const label of labels)
      partitionToken({ module, label, pin }).bare((session) => {
        markOwner(session, owner)
      })
    return [
      ...labels.map((label) => `  ${label}  is of ${owner.path} now`),
      '  whoever had these tokens before must not be started again',
    ]
  } finally {
    for (const hsm of opened) hsm.close()
    directory.close()
  }
}

function labelsOf(token: TokenOptions): readonly string[] {
  return [token.label, ...poolLabels(token)]
}
