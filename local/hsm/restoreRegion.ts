import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { restoreToken } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import { requireInitiable } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { requirePins } from '../../lib/hsm/pkcs11/ceremony/requirePins.ts'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { openBackup, parseBackupFile, type BackupFile } from '../../lib/hsm/recovery/backupFile.ts'
import { parseShare, type GivenShare } from '../../lib/hsm/recovery/shares.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { UserError } from '../../lib/userError.ts'
import { holdDirectory } from '../directory/heldDirectory.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { statesIn } from '../directory/requireRows.ts'
import { makeFolder } from '../makeFolder.ts'
import { keptIn, noteBackup } from './backupNote.ts'
import { backedUpSchema } from './backupRegion.ts'
import { requireBegunRoot, requireFollowing, type Followed } from './followingState.ts'
import type { TakenToken } from './keptState.ts'
import { requireOwn } from './pin.ts'
import type { auditAtRest } from '../region/chainedAtRest.ts'
import type { requireOpened } from '../region/requireOpened.ts'
import { recoveryCopyIn, recoveryFile, recoveryOf } from './recoveryFile.ts'
import { ownTokensFolder, softHsmCommand, useOwnTokens } from './softHsmConfig.ts'
import { forgetRefusedPins, tryingOnce } from './refusedPins.ts'
import { textOf } from '../textOf.ts'
import { tokenOwner } from './tokenOwner.ts'
import { requireLabelledOnce } from './twiceLabelled.ts'
import { typed } from '../typed.ts'
import { forgetToken } from './unfinishedTokens.ts'
import { forgetRestore, noteRestore } from './unfinishedRestores.ts'

export interface Restored {
  readonly data: string
  readonly file: string
  readonly shareFiles: readonly string[]
  /** Another copy of what the ceremony left, where the backup's is damaged. */
  readonly recoveryCopy?: string
  /** Labels of private vaults' tokens that the backup lacks: everything else is restored. */
  readonly without?: readonly string[]
  /** Writes into the audit of the region, where its rows are. */
  readonly audit: typeof auditAtRest
  /** Looks whether the vaults of those rows open. */
  readonly look: typeof requireOpened
  /** Asked for where there are tokens to make: the library and the new tokens' PINs. */
  readonly access: () => Promise<{
    readonly module: string
    readonly soPin: string
    readonly pin: string
    /** As of NewTokens. */
    readonly pinFile?: string | undefined
  }>
}

type BackedUp = v.InferOutput<typeof backedUpSchema>

/**
 * Brings a region's HSM into tokens that are made for it, with the service stopped. Shares and file are proven before anything
 * is made or written; broken off, it may be begun again. @throws UserError
 */
export async function restoreRegion(of: Restored): Promise<readonly string[]> {
  const copy = of.recoveryCopy === undefined ? undefined : recoveryCopyIn(of.recoveryCopy)
  const file = parseBackupFile(of.file, textOf(of.file), copy)
  const recovery = copy ?? file.recovery
  const shares = of.shareFiles.map(shareIn)
  const { content, recoveryKey } = await openBackup(file, shares, recovery)
  const backup = { ...file, recovery }
  try {
    const backedUp = v.parse(backedUpSchema, parseJson(content.toString()))
    const held = holdDirectory(of.data)
    const { host: directory } = held
    try {
      return await restore(directory === undefined ? of : { ...of, directory }, backup, backedUp, recoveryKey)
    } finally {
      held.release()
    }
  } finally {
    content.fill(0)
    recoveryKey.fill(0)
  }
}

async function restore(
  { data, access, audit, look, directory, without = [] }: Restored & { readonly directory?: HostDirectory },
  { region, recovery, at }: BackupFile,
  backedUp: BackedUp,
  recoveryKey: Buffer,
): Promise<readonly string[]> {
  const place = join(data, 'hsm', `${region}.json`)
  const known = recoveryOf(data)
  if (known !== undefined && known.ceremony !== recovery.ceremony)
    throw new UserError(
      `${data} is another cloud's: its custodians are of ceremony ${known.ceremony}. Nothing was changed.`,
    )
  const { state } = backedUp
  const following = { data, region, identity: recovery.identities[region] ?? '', without }
  const { begun, tokens, leftOut } = requireFollowing(following, backedUp)
  const lines: string[] = []
  const [{ label } = { label: '' }] = tokens
  let missing: readonly string[] = []
  if (tokens.length > 0) {
    const { module: path, soPin, pin, pinFile } = await access()
    useOwnTokens(path, data, { isNew: true })
    const module = Pkcs11Module.load(path, process.env['PKCS11_INIT_ARGUMENTS'])
    const owner = tokenOwner(data)
    requireLabelledOnce(module, label)
    requirePins({ module, label, soPin, pin })
    tryingOnce(
      { data, regions: [region], label: label.slice(0, -region.length - 1), library: () => module, pinFile },
      () => {
        for (const copies of tokens) requireInitiable({ module, label: copies.label, pin, owner })
        requireBegunRoot({ module, label, pin }, region, begun)
      },
    )
    // What stands on newer roots than the backup's, and has its own too, stays.
    const mayHaveMore = existsSync(place)
    const isFirst = noteRestore(data, region, at)
    let isBegun = false
    try {
      for (const copies of tokens) {
        const common = { module, label: copies.label, soPin, pin, recoveryKey: recovery.publicKey, owner }
        const deleteCommand = softHsmCommand('--delete-token', '--token', copies.label)
        const token = { ...common, deleteCommand, folder: ownTokensFolder(data) }
        const done = restoreToken(token, copies, recoveryKey, { mayHaveMore })
        isBegun ||= done === 'made'
        // Of an init that was cut off before.
        forgetToken(data, copies.label)
        lines.push(`  ${copies.label}  ${done === 'made' ? 'made, with its keys' : 'was there with these keys'}`)
      }
    } catch (cause) {
      // Refused before anything was made.
      if (isFirst && !isBegun && cause instanceof UserError) forgetRestore(data, region)
      throw cause
    }
    forgetRefusedPins(data, region)
    putFiles(data, place, state, recovery)
    // What the last whole backup has is what counts.
    if (leftOut.length === 0) noteBackup(data, region, { ceremony: recovery.ceremony, at, kept: keptIn(state, tokens) })
    // What does not belong together says so here, not at the next start.
    const file = existsSync(place) ? { file: place } : {}
    const hsm = openPkcs11Hsm({ region, realm, ...file, token: { module, label, pin: () => pin } })
    try {
      await finished({ audit, look, directory, leftOut }, hsm, at)
    } finally {
      // Whatever it has found: the tokens are made.
      forgetRestore(data, region)
    }
    lines.push(...leftOut.map((each) => leftOutLine(each, module.labels())))
    missing = missingIn(data, module, label.slice(0, -region.length - 1))
  } else {
    putFiles(data, place, state, recovery)
    noteBackup(data, region, { ceremony: recovery.ceremony, at, kept: keptIn(state, tokens) })
    const hsm = openSoftwareHsm({ region, realm, file: place })
    await finished({ audit, look, directory, leftOut }, hsm, at)
  }
  return [
    ...lines,
    ...rowsNext(data, region, at),
    ...(label === '' ? [] : othersNext(data, missing, label.slice(0, -region.length - 1))),
  ]
}

/** One that was not lost stays, and its vault opens. */
function leftOutLine({ label, vaultId }: TakenToken, there: readonly string[]): string {
  if (there.includes(label)) return `  ${label}  left as it is there, with the private vault ${vaultId}`
  return `  ${label}  LEFT OUT: the private vault ${vaultId} stays lost (AWAY in hsm status; it answers 503) until a backup that has the token is restored`
}

/** All regions' tokens are there before the start. */
function othersNext(data: string, missing: readonly string[], start: string): readonly string[] {
  if (missing.length > 0)
    return [
      `  next, before the start: ${typed('hsm', 'restore', 'BACKUP', '--data', data)} … for ${missing.join(', ')}, whose tokens are missing`,
    ]
  return [`  start it with HSM=pkcs11 and PKCS11_LABEL="${start}"`]
}

/** Regions of this cloud whose keys are in tokens that the library does not see. */
function missingIn(data: string, module: Pkcs11Module, start: string): readonly string[] {
  const labels = module.labels()
  return statesIn(data).flatMap(([region, { format }]) =>
    format.startsWith('vaultspan/pkcs11-hsm/') && !labels.includes(`${start} ${region}`) ? [region] : [],
  )
}

/** A start without the rows would make another cloud, and is refused. */
function rowsNext(data: string, region: string, at: string): readonly string[] {
  if (existsSync(join(data, 'regions', `${region}.db`)))
    return [`  ${region}  its HSM is as it was at ${at}; its rows are those of ${data}`]
  return [
    `  ${region}  its HSM is as it was at ${at}. ${data} HAS NO ROWS OF IT: do not start it yet`,
    `  next: restore the snapshot into a directory that is not there yet, ${typed('restore', 'SNAPSHOT', '--data', 'NEW')}, give it these tokens, ${typed('hsm', 'take', '--data', 'NEW')}, and start that one`,
  ]
}

/** Where the region's rows are there they are looked at, and say what was done; a snapshot that is restored later knows nothing of it. */
async function finished(
  {
    audit,
    look,
    directory,
    leftOut,
  }: Pick<Restored, 'audit' | 'look'> & Pick<Followed, 'leftOut'> & { readonly directory: HostDirectory | undefined },
  hsm: ProvisionedHsm & { close(): void },
  at: string,
): Promise<void> {
  const { region } = hsm
  const tenancyId = directory?.fact('tenancyId')
  const file = directory?.file('regions', `${region}.db`)
  try {
    if (tenancyId === undefined || file === undefined || !existsSync(file)) return
    const without = leftOut.length === 0 ? {} : { without: leftOut.map(({ label }) => label) }
    const effect = { resourceId: tenancyId, resourceName: region, current: { asOf: at, ...without } }
    await audit({ region, file, hsm }, tenancyId, 'RestoreHsm', effect)
    await look({ region, file, tenancyId, hsm, leftOut })
  } finally {
    hsm.close()
  }
}

function putFiles(data: string, place: string, state: string | null, recovery: BackupFile['recovery']): void {
  makeFolder(dirname(place))
  // What is there is newer, and proven by the roots.
  if (state !== null) writeFileDurably(place, state, { mode: 0o600, isNew: true })
  writeFileDurably(recoveryFile(data), JSON.stringify(recovery, undefined, 2), { mode: 0o600, isNew: true })
}

function shareIn(file: string): GivenShare {
  const text = textOf(file)
  requireOwn(file, 'The share')
  return parseShare(file, text)
}
