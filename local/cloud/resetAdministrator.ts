import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import { restoreAdministration } from '../../lib/kms/identity/restoreAdministration.ts'
import { tenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import type { Tables } from '../../lib/ports.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { keepAdministratorKey, newAdministratorKey, writeOciConfig } from '../directory/ociProfile.ts'
import { openRegionHsm } from '../hsm/openRegionHsm.ts'
import { tokenSettings } from '../hsm/tokenSettings.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { UserError } from '../../lib/userError.ts'

/**
 * Gives the administrator of a cloud that is not running a new key, takes all others from them, and puts back what they
 * need to administrate it. Replicas learn of it at the next start. Resolves with the new fingerprint. @throws UserError
 */
export async function resetAdministrator(path: string): Promise<string> {
  if (!existsSync(path)) throw new UserError(`There is no cloud in ${path}; name its directory with --data.`)
  const directory = new HostDirectory(path)
  try {
    return await reset(directory)
  } finally {
    directory.close()
  }
}

async function reset(directory: HostDirectory): Promise<string> {
  const [tenancyId, userId, region] = ['tenancyId', 'administratorId', 'homeRegion'].map((name) => directory.fact(name))
  const file = directory.file('regions', `${region ?? ''}.db`)
  if (tenancyId === undefined || userId === undefined || region === undefined || !file) {
    throw new UserError(`There is no cloud in ${directory.path ?? ''}; name its directory with --data.`)
  }
  requireComplete(directory, { withoutAdministrator: true })
  directory.makeFolders()
  const key = newAdministratorKey()
  const hsm = openRegionHsm({ region, directory, tokens: tokenSettings(process.env) })
  const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
  try {
    const ports = { tables: store.tables, hsm, region, homeRegion: region }
    const { fingerprint, publicKeyPem: publicKey } = key
    const sk = identitySk.apiKey(userId, fingerprint)
    const state = await tenancyState(ports, tenancyId)
    const missing = restoreAdministration({ random: randomBytes, clock: Date.now }, state, { tenancyId, userId })
    const isAppended = await appendIdentity(ports, tenancyId, {
      after: state.seq,
      puts: [...missing, { sk, kind: 'apiKey', userId, fingerprint, publicKey }],
      deletes: await apiKeysOf(store.tables, tenancyId, userId),
    })
    if (!isAppended) throw new Error('The identity log changed meanwhile.')
  } finally {
    store.close()
  }
  keepAdministratorKey(directory, key)
  writeOciConfig(directory, { tenancyId, userId, fingerprint: key.fingerprint, region })
  return key.fingerprint
}

async function apiKeysOf(tables: Pick<Tables, 'query'>, tenancyId: string, userId: string): Promise<readonly string[]> {
  const { items } = await tables.query('Identity', tenancyId, identitySk.apiKey(userId, ''), { limit: 100 })
  return items.map(({ sk }) => sk)
}
