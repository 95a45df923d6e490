import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import type { Attestation, AttestedToken } from '../../lib/hsm/formats/attestation.ts'
import { createRecoveryKey, endorsed, type NewRecoveryKey } from '../../lib/hsm/recovery/recoveryKey.ts'
import { requireCustody, splitRoot, type Share } from '../../lib/hsm/recovery/shares.ts'
import { signedBy } from '../../lib/hsm/recovery/signedRecovery.ts'
import { fingerprint, signTranscript, type Signer } from '../../lib/hsm/recovery/transcript.ts'
import { generateRsaMaterial, type RsaGenerator } from '../../lib/hsm/software/material.ts'
import { UserError } from '../../lib/userError.ts'
import { version } from '../version.ts'
import { recoveryFile } from './recoveryFile.ts'

export interface Ceremony {
  readonly data: string
  /** A file for each custodian's share. */
  readonly shareFiles: readonly string[]
  readonly threshold: number
  readonly transcript: string
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

/**
 * Makes a recovery root, gives each custodian a share of it, and makes the regions under its key. The root is in this process
 * from its making to the end of this call, and nowhere else. Where something fails no share stays. @throws UserError
 */
export async function holdCeremony(of: Ceremony, make: (recoveryKey: string) => Made): Promise<readonly string[]> {
  const { data, threshold } = of
  const [shareFiles, transcript] = [of.shareFiles.map((file) => resolve(file)), resolve(of.transcript)]
  requireCustody({ custodians: shareFiles.length, threshold })
  requireNew([...shareFiles, transcript], recoveryFile(data))
  const key = await createRecoveryKey(randomUUID(), of.generateRsa ?? generateRsaMaterial)
  try {
    const shares = await splitRoot(key.root, key.ceremony, { custodians: shareFiles.length, threshold })
    for (const [index, share] of shares.entries()) writeShare(shareFiles[index] ?? '', share)
    const made = make(key.publicKey)
    await record(of, transcript, key, shares, made)
    return [
      ...made.lines,
      ...shares.map(
        ({ number, digest }) => `  share ${number}: ${shareFiles[number - 1] ?? ''}  digest ${short(digest)}`,
      ),
      `  ${threshold} of ${shares.length} shares restore. Each custodian takes theirs away and compares its digest with ${of.transcript}; nothing of them stays here.`,
      `  recovery key ${short(fingerprint(key.publicKey))}, ceremony ${key.ceremony}`,
    ]
  } catch (cause) {
    for (const file of [...shareFiles, transcript]) rmSync(file, { force: true })
    throw cause
  } finally {
    key.root.fill(0)
  }
}

async function record(
  { data, threshold }: Ceremony,
  transcript: string,
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
    writeNew(transcript, signed, 0o644)
    const identities = Object.fromEntries(regions.map((each) => [each.region, each.publicKey]))
    const made = endorsed(root, { ...known, publicKey, privateKey, identities })
    // The last: without it there was no ceremony.
    writeNew(recoveryFile(data), await signedBy(made, regions), 0o600)
  } finally {
    for (const region of regions) region.close()
  }
}

/** @throws UserError */
function requireNew(files: readonly string[], recovery: string): void {
  if (new Set(files).size < files.length)
    throw new UserError('Each custodian, and the transcript, has a file of its own.')
  const there = files.find((file) => existsSync(file))
  if (there !== undefined) throw new UserError(`${there} is there already; a ceremony writes over nothing.`)
  const missing = files.find((file) => !existsSync(dirname(file)))
  if (missing !== undefined) throw new UserError(`${dirname(missing)} is not there; mount it, or make it.`)
  if (existsSync(recovery)) throw new UserError(`This cloud has its custodians (${recovery}).`)
}

function writeShare(file: string, share: Share): void {
  writeNew(file, share, 0o600)
}

function writeNew(file: string, content: object, mode: number): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const bytes = Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`)
  try {
    if (!writeFileDurably(file, bytes, { mode, isNew: true })) throw new UserError(`${file} is there already.`)
  } finally {
    bytes.fill(0)
  }
}

/** As a person reads it aloud. */
export function short(digest: string): string {
  return digest.slice(0, 16).replaceAll(/(.{4})(?=.)/g, '$1 ')
}
