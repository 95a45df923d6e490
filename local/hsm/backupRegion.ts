import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { KnownRoots } from '../../lib/hsm/pkcs11/roots/knownRoots.ts'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { requireOwnTokens } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { tokenCopiesSchema, type TokenCopies } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import { encryptBackup } from '../../lib/hsm/recovery/backupFile.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { messageOf, UserError } from '../../lib/userError.ts'
import { personsLine } from '../personsLine.ts'
import { requireStoredRegion } from '../directory/storedRegions.ts'
import { version } from '../version.ts'
import { keptIn, noteBackup, type BackupNote } from './backupNote.ts'
import { keptState, lackedRoot, takenTokens, type KeptState } from './keptState.ts'
import { remedyFor } from './lostTokens.ts'
import { requireWritablePlace } from './newFile.ts'
import { pinFrom } from './pin.ts'
import { recoveryOf } from './recoveryFile.ts'
import { regionCopies, requireTaken } from './regionCopies.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { tokenOwner } from './tokenOwner.ts'
import { tokenLabel, tokenSettings } from './tokenSettings.ts'

/** What a backup holds, encrypted. */
export const backedUpSchema = v.object({
  /** Of `hsm/REGION.json`; null: an earlier version made it before the first start. */
  state: v.nullable(v.string()),
  /** The region's, then its pool's; none where it is simulated. */
  tokens: v.array(tokenCopiesSchema),
})

interface Source {
  readonly publicKey: string
  readonly sign: (bytes: Uint8Array) => Promise<Buffer>
  readonly tokens: readonly TokenCopies[]
  readonly close: () => void
}

/**
 * Writes what M of N custodians bring a region's HSM into new tokens with. The service may run meanwhile. `without`: labels of
 * private vaults' tokens that are lost. @throws UserError
 */
export async function backupRegion(
  data: string,
  region: string,
  to: string,
  environment: NodeJS.ProcessEnv,
  without: readonly string[] = [],
): Promise<readonly string[]> {
  const recovery = recoveryOf(data)
  if (recovery === undefined)
    throw new UserError(`${data} has no custodians: hsm init --custodian makes them, with the tokens.`)
  requireStoredRegion(data, region, Object.keys(recovery.identities))
  requireWritablePlace(to)
  const file = join(data, 'hsm', `${region}.json`)
  const state = stateIn(file)
  const kept = keptState(state)
  if (state !== undefined && kept === undefined)
    throw new UserError(`${file} is damaged: put it back from a snapshot before anything else.`)
  // The tenancy's root is made in the token by the first start: a backup without it would restore what never starts.
  if (kept === undefined || Object.keys(kept.tenancies).length === 0)
    throw new UserError(
      `${region} was not started yet, so that its tenancy has no root: start it once, then back it up.`,
    )
  const source = kept.format.startsWith('vaultspan/simulated-hsm/')
    ? simulated(region, file, kept, without)
    : tokensOf({ data, region, kept, recoveryKey: recovery.publicKey, without }, environment)
  try {
    if (recovery.identities[region] !== source.publicKey)
      throw new UserError(
        `The ceremony of these custodians did not know this region ${region}: they could not tell its backup from another's.`,
      )
    const lacked = lackedRoot(kept, source.tokens)
    if (lacked !== undefined)
      throw new UserError(`The token of ${region} does not hold the root of the tenancy ${lacked}: it is another's.`)
    if (stateIn(file) !== state) throw new UserError(`The state of ${region} changed meanwhile; begin again.`)
    const content = Buffer.from(JSON.stringify({ state, tokens: source.tokens }))
    const fields = { at: new Date().toISOString(), version, region, recovery, content }
    const backup = await encryptBackup(fields, source.sign)
    if (!writeFileDurably(to, JSON.stringify(backup), { mode: 0o600, isNew: true }))
      throw new UserError(`${to} is there already; a backup writes over nothing.`)
    const held = keptIn(state ?? null, source.tokens)
    const note = { ceremony: recovery.ceremony, at: fields.at, kept: held }
    // What the last whole backup has is what counts: that one is to be kept.
    const noted = without.length === 0 ? noteOf(data, region, note) : leftOut(kept, without)
    const keys = source.tokens.reduce((sum, each) => sum + each.keys.length, 0)
    return [
      `  ${to}: ${region}, ${source.tokens.length === 0 ? 'its simulated HSM' : `${source.tokens.length} tokens with ${keys} keys`}`,
      `  any ${recovery.threshold} of the ${recovery.shares.length} shares of ceremony ${recovery.ceremony} restore it (hsm restore); the rows are in a snapshot`,
      ...noted,
    ]
  } finally {
    source.close()
  }
}

/** The backup is there: what it has may be noted or not. */
function noteOf(data: string, region: string, note: BackupNote): readonly string[] {
  try {
    noteBackup(data, region, note)
    return []
  } catch (cause) {
    return [
      `  that it was made could not be noted, so hsm status goes on to say that one is due: ${personsLine(cause) ?? messageOf(cause)}`,
    ]
  }
}

function leftOut(kept: KeptState, without: readonly string[]): readonly string[] {
  return takenTokens(kept)
    .filter(({ label }) => without.includes(label))
    .map(
      ({ label, vaultId }) =>
        `  WITHOUT the token "${label}" of the private vault ${vaultId}: it restores everything else (hsm restore --without "${label}"). Keep the last backup that has it, too`,
    )
}

function stateIn(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function simulated(region: string, file: string, kept: KeptState, without: readonly string[]): Source {
  requireTaken(without, takenTokens(kept), region)
  const hsm = openSoftwareHsm({ region, realm, file })
  return {
    publicKey: hsm.identityPublicKey,
    sign: (bytes) => hsm.sign(bytes),
    tokens: [],
    close: () => {
      hsm.close()
    },
  }
}

interface Wanted {
  readonly data: string
  readonly region: string
  readonly kept: KeptState
  readonly recoveryKey: string
  readonly without: readonly string[]
}

function tokensOf({ data, region, ...wanted }: Wanted, environment: NodeJS.ProcessEnv): Source {
  const settings = tokenSettings({ ...environment, HSM: 'pkcs11' })
  if (settings === null) throw new TypeError('HSM is pkcs11.')
  useOwnTokens(settings.module, data)
  const module = Pkcs11Module.load(settings.module, settings.initArguments)
  const pin = () => pinFrom(settings.pinFile)
  const token = { module, label: tokenLabel(settings, region), pin, remedy: () => remedyFor(data, region) }
  requireOwnTokens({ ...token, owner: tokenOwner(data) }, false)
  // Without its file: it is looked at, nothing is kept.
  const hsm = openPkcs11Hsm({
    region,
    realm,
    token: { ...token, known: KnownRoots.in(join(data, 'hsm', `${region}.json`)) },
  })
  const close = () => {
    hsm.close()
  }
  try {
    if (hsm.rotation.isRotating())
      throw new UserError(`The root of ${region} is being rotated; begin again when that is over (hsm status).`)
    const tokens = regionCopies({ module, label: token.label, pin }, { data, region, ...wanted })
    return { publicKey: hsm.identityPublicKey, sign: (bytes) => hsm.sign(bytes), tokens, close }
  } catch (cause) {
    close()
    throw cause
  }
}
