import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Attestation, AttestedToken } from '../../lib/hsm/formats/attestation.ts'
import {
  createRecoveryKey,
  endorsed,
  type NewRecoveryKey,
  type RecoveryKey,
} from '../../lib/hsm/recovery/recoveryKey.ts'
import { requireCustody, splitRoot, type Share } from '../../lib/hsm/recovery/shares.ts'
import { signedBy } from '../../lib/hsm/recovery/signedRecovery.ts'
import { fingerprint, signTranscript, type Signer } from '../../lib/hsm/recovery/transcript.ts'
import { generateRsaMaterial, type RsaGenerator } from '../../lib/hsm/software/material.ts'
import { UserError } from '../../lib/userError.ts'
import { makeFolder } from '../makeFolder.ts'
import { typed } from '../typed.ts'
import { version } from '../version.ts'
import { isTaken, NewFiles, requireWritablePlace } from './newFile.ts'
import { onSignal } from './onSignal.ts'
import { recoveryFile, recoveryOf } from './recoveryFile.ts'
import { forgetCeremony, isLeftover, noteCeremony, unfinishedCeremonies } from './unfinishedCeremonies.ts'

export interface Ceremony {
  readonly data: string
  /** A file for each custodian's share. */
  readonly shareFiles: readonly string[]
  readonly threshold: number
  readonly transcript: string
  /** In the place of one that has ended, whose shares nobody has, where no region was started. */
  readonly isAnew?: boolean
  readonly generateRsa?: RsaGenerator
}

/** A region that was made for these custodians. */
export interface CeremonyRegion extends Signer {
  readonly publicKey: string
  readonly tokens: readonly AttestedToken[]
  readonly close: () => void
}

export interface Made {
  readonly lines: readonly string[]
  readonly library: Attestation['library'] | null
  readonly regions: readonly CeremonyRegion[]
}

export interface CeremonySteps {
  /** Before anything is made or written. @throws UserError */
  readonly check: () => void
  readonly make: (recoveryKey: string) => Made
  /** That what the ceremony has made before is used by nothing. @throws UserError */
  readonly requireUnused?: () => void
}

/**
 * Makes a recovery root, gives each custodian a share of it, and makes the regions under its key. The root is in this process
 * from its making to the end of this call, and nowhere else. Where something fails, or a signal ends it, no share stays. @throws UserError
 */
export async function holdCeremony(of: Ceremony, steps: CeremonySteps): Promise<readonly string[]> {
  const { data, threshold } = of
  const [shareFiles, transcript] = [of.shareFiles.map((file) => resolve(file)), resolve(of.transcript)]
  requireCustody({ custodians: shareFiles.length, threshold })
  const { check, make } = steps
  const leftovers = requireNew([...shareFiles, transcript], of, () => {
    abandon(data, steps)
  })
  check()
  const key = await createRecoveryKey(randomUUID(), of.generateRsa ?? generateRsaMaterial)
  const files = new NewFiles()
  const listening = onSignal(() => {
    files.remove()
    key.root.fill(0)
  })
  let isBegun = false
  try {
    noteCeremony(data, { ceremony: key.ceremony, publicKey: key.publicKey, shareFiles })
    for (const file of leftovers) rmSync(file)
    const shares = await splitRoot(key.root, key.ceremony, { custodians: shareFiles.length, threshold })
    for (const [index, share] of shares.entries()) files.write(shareFiles[index] ?? '', share, 0o600)
    isBegun = true
    const made = make(key.publicKey)
    await record(of, files, key, shares, made)
    forgetCeremony(data, key.ceremony)
    return [
      ...made.lines,
      ...shares.map(
        ({ number, digest }) => `  share ${number}: ${shareFiles[number - 1] ?? ''}  digest ${short(digest)}`,
      ),
      `  ${threshold} of ${shares.length} shares restore. Each custodian takes theirs away and compares its digest with ${of.transcript}; nothing of them stays here.`,
      `  recovery key ${short(fingerprint(key.publicKey))}, ceremony ${key.ceremony}`,
      '  The shares alone bring nothing back: once each region was started, take a backup of it (hsm backup).',
    ]
  } catch (cause) {
    if (recoveryOf(data)?.ceremony !== key.ceremony) files.remove()
    if (!isBegun) forgetCeremony(data, key.ceremony)
    throw cause
  } finally {
    listening.end()
    key.root.fill(0)
  }
}

async function record(
  { data, threshold, transcript }: Ceremony,
  files: NewFiles,
  { root, ceremony, publicKey, privateKey }: NewRecoveryKey,
  shares: readonly Share[],
  { library, regions }: Made,
): Promise<void> {
  try {
    const at = new Date().toISOString()
    const known = { ceremony, at, threshold, shares: shares.map(({ digest }) => digest) }
    const signed = await signTranscript(
      {
        ...known,
        version,
        recoveryKey: { publicKey, sha256: fingerprint(publicKey) },
        library,
        regions: regions.map((each) => ({ region: each.region, publicKey: each.publicKey, tokens: [...each.tokens] })),
      },
      regions,
    )
    files.write(resolve(transcript), signed, 0o644)
    const identities = Object.fromEntries(regions.map((each) => [each.region, each.publicKey]))
    const made = endorsed(root, { ...known, publicKey, privateKey, identities })
    // The last: without it there was no ceremony.
    makeFolder(dirname(recoveryFile(data)))
    files.write(recoveryFile(data), await signedBy(made, regions), 0o600)
  } finally {
    for (const region of regions) region.close()
  }
}

/** Resolves with those that a ceremony has left which did not end: nobody needs them. @throws UserError */
function requireNew(files: readonly string[], { data, isAnew, transcript }: Ceremony, giveUp: () => void) {
  if (new Set(files).size < files.length)
    throw new UserError('Each custodian, and the transcript, has a file of its own.')
  const ended = recoveryOf(data)
  if (ended !== undefined && files.every((file) => isLeftover(file, [ended]))) throw isComplete(ended, transcript)
  const unfinished = unfinishedCeremonies(data)
  const taken = files.filter((file) => isTaken(file))
  const there = taken.find((file) => !isLeftover(file, unfinished))
  if (there !== undefined) throw new UserError(`${there} is there already; a ceremony writes over nothing.`)
  if (ended !== undefined && isAnew !== true) throw hasThem(data, ended)
  for (const file of files) requireWritablePlace(file)
  if (ended !== undefined) giveUp()
  return taken
}

/** Killed between its last file and its last line, it says again what those said. */
function isComplete({ ceremony, at }: RecoveryKey, transcript: string): UserError {
  return new UserError(
    `The ceremony ${ceremony} of ${at} is complete: each share lies where it was to be, and so does ${transcript}. Each custodian verifies theirs: ${typed('hsm', 'verify', transcript, '--share', 'SHARE')}. More tokens are made without --custodian. Nothing was changed.`,
  )
}

function hasThem(data: string, { ceremony, identities }: RecoveryKey): UserError {
  const says = `This cloud has its custodians (${recoveryFile(data)}), by the ceremony ${ceremony}.`
  if (startedOf(data, identities) !== undefined) return new UserError(says)
  return new UserError(
    `${says} No region was started yet: where too few have their shares of it, the same command with --anew holds another in its place, and those are worthless then. Nothing was changed.`,
  )
}

/** The file that says that one of its regions was started. */
function startedOf(data: string, identities: RecoveryKey['identities']): string | undefined {
  return Object.keys(identities)
    .flatMap((region) => [join(data, 'hsm', `${region}.json`), join(data, 'regions', `${region}.db`)])
    .find((file) => existsSync(file))
}

/** What has ended is one that did not: its tokens are made anew by the next. Cut off, it has ended still. @throws UserError */
function abandon(data: string, { requireUnused }: CeremonySteps): void {
  const ended = recoveryOf(data)
  if (ended === undefined) return
  const started = startedOf(data, ended.identities)
  if (started !== undefined)
    throw new UserError(`A region of the ceremony ${ended.ceremony} was started (${started}): its custodians stay.`)
  requireUnused?.()
  noteCeremony(data, { ceremony: ended.ceremony, publicKey: ended.publicKey })
  rmSync(recoveryFile(data))
}

/** As a person reads it aloud. */
export function short(digest: string): string {
  return digest.slice(0, 16).replaceAll(/(.{4})(?=.)/g, '$1 ')
}
