import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { markOwner } from '../../lib/hsm/pkcs11/ownerMark.ts'
import { poolLabels } from '../../lib/hsm/pkcs11/ownTokens.ts'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/pkcs11Module.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/regionToken.ts'
import { realm } from '../../lib/ocid.ts'
import { UserError } from '../../lib/userError.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { statesIn } from '../directory/requireRows.ts'
import { remedyFor } from './lostTokens.ts'
import { pinFrom } from './pin.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { beginAsOwner } from './tokenOwner.ts'
import { hasToken, tokenLabel, type TokenSettings } from './tokenSettings.ts'

/**
 * Gives the tokens of a cloud to this directory, in the place of the one that had them and never runs again: after a restore
 * of its snapshot, or where it was moved. With the service stopped; no key is changed. @throws UserError
 */
export function takeTokens(data: string, settings: TokenSettings): readonly string[] {
  if (!existsSync(join(data, 'host.db')))
    throw new UserError(`There is no cloud in ${data}; name its directory with --data, or restore its snapshot first.`)
  const directory = new HostDirectory(data)
  try {
    requireComplete(directory)
    useOwnTokens(settings.module, data)
    const module = Pkcs11Module.load(settings.module, settings.initArguments)
    const pin = () => pinFrom(settings.pinFile)
    const inTokens = statesIn(data).filter(
      ([region, { format }]) => hasToken(settings, region) && format.startsWith('vaultspan/pkcs11-hsm/'),
    )
    const tokens = inTokens.map(([region]) => {
      const token = { module, label: tokenLabel(settings, region), pin, remedy: () => remedyFor(data, region) }
      // The state and the token belong together, or nothing is taken.
      openPkcs11Hsm({ region, realm, file: join(data, 'hsm', `${region}.json`), token }).close()
      return token
    })
    const owner = beginAsOwner(data)
    if (owner === undefined) return [`  the tokens lie in ${data} and are its own: there is nothing to take`]
    const labels = tokens.flatMap((token) => [token.label, ...poolLabels(token)])
    for (const label of labels)
      partitionToken({ module, label, pin }).bare((session) => {
        markOwner(session, owner)
      })
    return [
      ...labels.map((label) => `  ${label}  is of ${owner.path} now`),
      '  whoever had these tokens before must not be started again',
    ]
  } finally {
    directory.close()
  }
}
