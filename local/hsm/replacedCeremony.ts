import { existsSync, statSync } from 'node:fs'
import { fingerprint, isSignedByAll, parseTranscript, type Transcript } from '../../lib/hsm/recovery/transcript.ts'
import { isAsMade } from '../../lib/hsm/recovery/signedRecovery.ts'
import { UserError } from '../../lib/userError.ts'
import { textOf } from '../textOf.ts'
import { recoveryCopyIn, recoveryFile, recoveryOf } from './recoveryFile.ts'
import { unfinishedCeremonies } from './unfinishedCeremonies.ts'

type Ceremony = Pick<Transcript, 'ceremony' | 'at'>

/**
 * Whether a ceremony is still the cloud's, by what whoever asks has at hand of it: a later transcript, a backup, recovery.json, or
 * the data directory. A transcript alone cannot tell. @throws UserError where another one has taken its place
 */
export async function seenAgainst(found: Transcript, against: readonly string[]): Promise<readonly string[]> {
  if (against.length === 0)
    return [
      '  Whether a later ceremony took its place this alone does not tell: --against DIR does, or a later transcript or backup.',
    ]
  const lines: string[] = []
  for (const place of against) lines.push(await seenIn(found, place))
  return lines
}

async function seenIn(found: Transcript, place: string): Promise<string> {
  const { ceremony, at } = found
  if (!existsSync(place)) throw new UserError(`${place} cannot be read: there is no such file.`)
  const other = statSync(place).isDirectory() ? ofDirectory(found, place) : await ofFile(place)
  if (other.ceremony === ceremony) return `  ${place} is of this ceremony.`
  const names = `${place} is of ceremony ${other.ceremony} (${other.at})`
  if (!sharesRegion(found, other))
    throw new UserError(`${names}, which has no region of this one (${ceremony}, ${at}): another cloud's.`)
  if (Date.parse(other.at) < Date.parse(at)) return `  ${names}, which is earlier: this one took its place.`
  throw new UserError(
    `REPLACED: ${names}, which is later than this one (${ceremony}, ${at}): no share of this one opens what came after it. Destroy them where no backup of before is kept.`,
  )
}

interface Seen extends Ceremony {
  readonly regions: readonly string[]
}

/** Names, not keys: where tokens are made anew their identities are, too. */
function sharesRegion({ regions }: Transcript, other: Seen): boolean {
  return regions.some(({ region }) => other.regions.includes(region))
}

function ofDirectory({ ceremony, at }: Transcript, data: string): Seen {
  const given = unfinishedCeremonies(data).find((each) => each.ceremony === ceremony)
  if (given !== undefined)
    throw new UserError(
      `GIVEN UP: by ${data} this ceremony (${ceremony}, ${at}) did not end, and its tokens are made anew: its shares are worthless. Destroy them.`,
    )
  const recovery = recoveryOf(data)
  if (recovery === undefined)
    throw new UserError(
      `${data} has no custodians (${recoveryFile(data)} is not there): no share of this ceremony (${ceremony}, ${at}) opens anything of it.`,
    )
  return { ...recovery, regions: Object.keys(recovery.identities) }
}

async function ofFile(file: string): Promise<Seen> {
  const transcript = parseTranscript(textOf(file))
  if (transcript === undefined) {
    const recovery = recoveryCopyIn(file)
    if (!isAsMade(recovery)) throw new UserError(`${file} is damaged, or a region did not sign it.`)
    return { ...recovery, regions: Object.keys(recovery.identities) }
  }
  await requireSigned(file, transcript)
  return { ...transcript, regions: transcript.regions.map(({ region }) => region) }
}

/** @throws UserError */
export async function requireSigned(file: string, transcript: Transcript): Promise<void> {
  const { publicKey, sha256 } = transcript.recoveryKey
  if (!(await isSignedByAll(transcript)) || fingerprint(publicKey) !== sha256)
    throw new UserError(`The transcript ${file} does not verify: it was altered, or a region did not sign it.`)
}
