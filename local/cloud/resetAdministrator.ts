import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { markedAuditWrites } from '../../lib/kms/audit.ts'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import { restoreAdministration } from '../../lib/kms/identity/restoreAdministration.ts'
import { tenancyState, type TenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { identitySk, type NewIdentityRow } from '../../lib/kms/identity/identityRows.ts'
import { operatorEvent } from '../../lib/kms/operatorAudit.ts'
import type { Tables } from '../../lib/ports.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { keepAdministratorKey, newAdministratorKey, writeOciConfig } from '../directory/ociProfile.ts'
import { openRegionHsm } from '../hsm/openRegionHsm.ts'
import { requireTokensIn } from '../hsm/requireTokensIn.ts'
import { tokenSettings } from '../hsm/tokenSettings.ts'
import { withChainAtRest } from '../region/chainedAtRest.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { UserError } from '../../lib/userError.ts'

/**
 * Gives the administrator of a cloud that is not running a new key, takes all others from them, and puts back what they
 * need to administrate it; the audit says so in the same transaction. Replicas learn of it at the next start. Resolves with the new fingerprint. @throws UserError
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
  const tokens = tokenSettings(process.env)
  requireTokensIn(directory, tokens)
  const hsm = openRegionHsm({ region, directory, tokens })
  const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
  try {
    const ports = { tables: store.tables, hsm, region, homeRegion: region }
    const { fingerprint, publicKeyPem: publicKey } = key
    const sk = identitySk.apiKey(userId, fingerprint)
    const state = await tenancyState(ports, tenancyId)
    const own = { random: randomBytes, clock: Date.now }
    const missing = restoreAdministration(own, state, { tenancyId, userId })
    const deletes = await apiKeysOf(store.tables, tenancyId, userId)
    const event = operatorEvent(own, tenancyId, 'ResetAdministrator', {
      resourceId: userId,
      resourceName: userNameOf(state, missing, userId),
      previous: { fingerprints: deletes.map((each) => each.slice(identitySk.apiKey(userId, '').length)) },
      current: { fingerprints: [fingerprint], putBack: missing.map(({ kind }) => kind) },
    })
    const puts = [...missing, { sk, kind: 'apiKey', userId, fingerprint, publicKey } as const]
    const isAppended = await withChainAtRest({ region, store, hsm }, (tables) =>
      appendIdentity({ ...ports, tables }, tenancyId, { after: state.seq, puts, deletes }, markedAuditWrites(event)),
    )
    if (!isAppended) throw new Error('The identity log changed meanwhile.')
  } finally {
    store.close()
  }
  keepAdministratorKey(directory, key)
  writeOciConfig(directory, { tenancyId, userId, fingerprint: key.fingerprint, region })
  return key.fingerprint
}

function userNameOf(state: TenancyState, missing: readonly NewIdentityRow[], userId: string): string {
  const sk = identitySk.user(userId)
  const user = missing.find((row) => row.sk === sk) ?? state.rows.get(sk)
  return user?.kind === 'user' ? user.name : userId
}

async function apiKeysOf(tables: Pick<Tables, 'query'>, tenancyId: string, userId: string): Promise<readonly string[]> {
  const { items } = await tables.query('Identity', tenancyId, identitySk.apiKey(userId, ''), { limit: 100 })
  return items.map(({ sk }) => sk)
}
