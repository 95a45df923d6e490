import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { markOwner, ownerPathIn } from '../../lib/hsm/pkcs11/roots/ownerMark.ts'
import { poolLabels } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import type { TokenOptions } from '../../lib/hsm/pkcs11/roots/tokenOptions.ts'
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
    const labels = tokens.flatMap(labelsOf)
    const paths = labels.map((label) => partitionToken({ module, label, pin }).bare(ownerPathIn))
    for (const path of new Set(paths)) if (path !== undefined) requireUnused(path, data)
    const owner = beginAsOwner(data)
    if (owner === undefined) return [`  the tokens lie in ${data} and are its own: there is nothing to take`]
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

/** Of another directory on this machine; what runs on another is not seen. @throws UserError where a service uses it. */
function requireUnused(path: string, data: string): void {
  if (!existsSync(join(path, 'host.db')) || realpathSync(path) === realpathSync(data)) return
  try {
    const host = new DatabaseSync(join(path, 'host.db'), { readOnly: true, timeout: 0 })
    try {
      host.prepare('SELECT name FROM sqlite_schema').all()
    } finally {
      host.close()
    }
  } catch (cause) {
    // SQLITE_BUSY: its process holds it exclusively. What cannot be read for another reason says nothing.
    if (((cause as { readonly errcode?: number }).errcode ?? 0) % 256 !== 5) return
    throw new UserError(
      `A Vaultspan process uses ${path}, whose tokens these are: two services on the same tokens destroy each other's keys. Stop it, for good, then take them. Nothing was changed.`,
      { cause },
    )
  }
}

function labelsOf(token: TokenOptions): readonly string[] {
  return [token.label, ...poolLabels(token)]
}
