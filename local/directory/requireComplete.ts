import { existsSync, readdirSync } from 'node:fs'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import { knownRegions } from './chooseRegions.ts'
import type { HostDirectory } from './hostDirectory.ts'
import { requireRowsOfStates } from './requireRows.ts'
import { typed } from '../typed.ts'
import type { Administrator } from '../region/regionHost.ts'
import type { Region } from '../region/region.ts'
import { UserError } from '../../lib/userError.ts'

/**
 * What belongs together is there, or nothing is: a new file in the place of a lost one would open nothing of what stands
 * beside it. @throws UserError naming the file and the way back.
 */
export function requireComplete(directory: HostDirectory, { withoutAdministrator = false } = {}): void {
  const { path } = directory
  if (path === undefined) return
  const known = knownRegions(directory)
  const stored = databasesIn(directory)
  if (stored.length > 0 && directory.fact('tenancyId') === undefined) {
    throw missing(path, 'host.db', 'the tenancy and the ports of its vaults')
  }
  for (const region of known) {
    if (!stored.includes(region)) throw missing(path, `regions/${region}.db`, `every key and vault of ${region}`)
  }
  for (const region of stored) {
    if (!isThere(directory, 'hsm', `${region}.json`)) {
      throw missing(path, `hsm/${region}.json`, `the HSM root without which nothing in regions/${region}.db opens`)
    }
  }
  requireRowsOfStates(path, stored, directory.fact('apart') !== undefined)
  const hasAdministrator = directory.fact('administratorId') !== undefined && !withoutAdministrator
  if (hasAdministrator && !isThere(directory, 'oci', 'administrator.pem')) {
    throw new UserError(
      `${path}/oci/administrator.pem, the administrator's key, is missing. Put it back from a copy, or make a new one: ${resetCommand(path)}`,
    )
  }
}

/** The HSM's state is the one that this cloud was made with, not another's or a new one. @throws UserError */
export async function requireOwnRoot(home: Region, tenancyId: string, path: string): Promise<void> {
  if ((await headSeq(home.runtime, tenancyId)) === 0) return
  try {
    home.hsm.statement(tenancyId)
  } catch (cause) {
    const file = `${path}/hsm/${home.name}.json`
    throw new UserError(
      `${file} does not belong to the data beside it: its HSM does not know the tenancy. Put the right file back from a copy of the directory, or start anew with another --data.`,
      { cause },
    )
  }
}

/** The administrator can sign in with the key in the file. @throws UserError */
export async function requireKnownKey(
  { runtime }: Region,
  { tenancyId, userId, fingerprint }: Administrator,
  path: string,
): Promise<void> {
  const sk = identitySk.apiKey(userId, fingerprint)
  if ((await runtime.tables.get('Identity', tenancyId, sk)) !== undefined) return
  throw new UserError(
    `${path}/oci/administrator.pem is no key of the administrator of this cloud. Put the right one back from a copy, or make a new one: ${resetCommand(path)}`,
  )
}

/** What to type where the administrator's key is lost. */
function resetCommand(path: string): string {
  return typed('reset-administrator', '--data', path)
}

function missing(path: string, file: string, holds: string): UserError {
  return new UserError(
    `${path}/${file} is missing; it holds ${holds}. Put it back from a copy of the directory, or start anew with another --data.`,
  )
}

function databasesIn(directory: HostDirectory): readonly string[] {
  const folder = directory.file('regions')
  if (folder === undefined || !existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => (name.endsWith('.db') ? name.slice(0, -'.db'.length) : []))
}

function isThere(directory: HostDirectory, ...parts: readonly string[]): boolean {
  const file = directory.file(...parts)
  return file !== undefined && existsSync(file)
}
