import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { PinRefused } from '../../lib/hsm/pkcs11/token/lostToken.ts'
import { peerMark } from '../../lib/replication/peerMarks.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { UserError, messageOf } from '../../lib/userError.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { isTokenAbsent } from '../hsm/absentToken.ts'
import { openRegionHsm } from '../hsm/openRegionHsm.ts'
import { recoveryFile } from '../hsm/recoveryFile.ts'
import { beginAsRestored, ownerFileName, tokenOwner } from '../hsm/tokenOwner.ts'
import { hasToken, requireOwnToken, requireTokenRegions, tokenSettings } from '../hsm/tokenSettings.ts'
import { requireComplete } from '../directory/requireComplete.ts'
import { copyFile } from './copyFile.ts'
import { requireWhole, type Manifest } from './manifest.ts'
import { requireEmpty } from './takeSnapshot.ts'
import { makeFolder } from '../makeFolder.ts'

export interface Restored extends Manifest {
  /** It is one region of several machines. */
  readonly isApart: boolean
  /** Their tokens are not there yet, and custodians can bring them back: what such a region's HSM says was not asked. */
  readonly withoutTokens: readonly string[]
  /** There are tokens, and they are those of the directory that the snapshot was taken of. */
  readonly isToTake: boolean
}

/**
 * Makes a data directory of a snapshot, which is read as a whole first. What it makes is opened before it is called a cloud.
 * @throws UserError; then nothing is left of it.
 */
export async function restoreSnapshot(folder: string, data: string): Promise<Restored> {
  requireEmpty(data)
  const manifest = await requireWhole(folder)
  requireTokens(Object.keys(manifest.marks))
  const wasThere = existsSync(data)
  try {
    makeFolder(data)
    // Without host.db there is nothing that a start would take for a cloud.
    const names = manifest.files
      .map(({ name }) => name)
      .filter((name) => name !== 'host.db' && name !== `hsm/${ownerFileName}`)
    if (tokenSettings(process.env) !== null) beginAsRestored(data)
    for (const name of [...names, 'host.db']) await copyFile(join(folder, name), join(data, name))
    return { ...manifest, ...(await requireOneMoment(data, manifest)) }
  } catch (cause) {
    for (const name of wasThere ? readdirSync(data) : []) rmSync(join(data, name), { recursive: true, force: true })
    if (!wasThere) rmSync(data, { recursive: true, force: true })
    throw cause
  }
}

/** One alone may be a machine's own, whose settings know the others. */
function requireTokens(regions: readonly string[]): void {
  const [first = '', second] = regions
  if (second === undefined) requireOwnToken(tokenSettings(process.env), first)
  else requireTokenRegions(tokenSettings(process.env), regions)
}

/** What a start asks too: everything is there, the HSM knows the tenancy, and no region knows more of another than that has. */
async function requireOneMoment(
  data: string,
  { tenancyId, marks }: Manifest,
): Promise<Pick<Restored, 'isApart' | 'withoutTokens' | 'isToTake'>> {
  const tokens = tokenSettings(process.env)
  const directory = new HostDirectory(data)
  const stores = new Map<string, SqliteRegionStore>()
  const withoutTokens: string[] = []
  try {
    requireComplete(directory)
    if (directory.fact('tenancyId') !== tenancyId) throw new UserError('its host.db is of another cloud')
    for (const region of Object.keys(marks)) {
      const file = join(data, 'regions', `${region}.db`)
      const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
      stores.set(region, store)
      if (existsSync(recoveryFile(data)) && isTokenAbsent(tokens, region, data)) {
        withoutTokens.push(region)
        continue
      }
      const hsm = openRegionHsm({ region, directory, tokens, isLookedAt: true })
      hsm.statement(tenancyId)
    }
    for (const [region, { tables }] of stores) {
      for (const [peer, other] of stores) {
        if (peer === region || (await peerMark(tables, peer)) <= other.tables.commitMark()) continue
        throw new UserError(`${region} knows of changes that ${peer} has not`)
      }
    }
    const isThere = (region: string) => hasToken(tokens, region) && !withoutTokens.includes(region)
    const isToTake = Object.keys(marks).some(isThere) && tokenOwner(data) !== undefined
    return { isApart: directory.fact('apart') !== undefined, withoutTokens, isToTake }
  } catch (cause) {
    if (cause instanceof PinRefused && existsSync(join(data, 'hsm', 'tokens')))
      throw new UserError(
        `The tokens of the snapshot open by the PIN that they had then, which PKCS11_PIN_FILE does not hold. Where that is lost, have SOFTHSM2_CONF name an empty place of tokens, and restore again: the custodians' backups make the tokens anew there, by hsm restore. Nothing was restored.`,
        { cause },
      )
    throw new UserError(`The snapshot does not belong together: ${messageOf(cause).replace(/\.$/, '')}.`, { cause })
  } finally {
    for (const store of stores.values()) store.close()
    directory.close()
  }
}
