import { parseShare } from '../../lib/hsm/recovery/shares.ts'
import { fingerprint, parseTranscript, type Transcript } from '../../lib/hsm/recovery/transcript.ts'
import { UserError } from '../../lib/userError.ts'
import { short } from './ceremony.ts'
import { isOwn } from './pin.ts'
import { requireSigned, seenAgainst } from './replacedCeremony.ts'
import { textOf } from '../textOf.ts'

/**
 * Checks the transcript of a ceremony offline, and whether a share is of it. That the regions' keys are theirs it cannot say:
 * whoever was there, or an attestation, does. @throws UserError where it proves nothing.
 */
export async function verifyCeremony(
  file: string,
  shareFile: string | undefined,
  against: readonly string[] = [],
): Promise<readonly string[]> {
  const found = await transcriptIn(file)
  const seen = await seenAgainst(found, against)
  const { ceremony, at, version, threshold, shares, library, regions, recoveryKey } = found
  return [
    `Valid: ceremony ${ceremony} at ${at}, by vaultspan ${version}.`,
    `  ${threshold} of ${shares.length} shares restore; recovery key ${short(recoveryKey.sha256)}`,
    ...shares.map((digest, index) => `  share ${index + 1}: digest ${short(digest)}`),
    ...(library === null ? [] : [`  ${library.description}, ${library.manufacturer}, version ${library.version}`]),
    ...regions.flatMap(({ region, publicKey, tokens }) => [
      `  ${region}: identity ${short(fingerprint(publicKey))}${tokens.length === 0 ? ', simulated' : ''}`,
      ...tokens.map(
        ({ label, model, serial, keys }) => `    ${label}: ${model}, serial ${serial}, ${keys.length} keys that stay`,
      ),
    ]),
    ...(shareFile === undefined ? [] : shareIn(found, shareFile)),
    ...seen,
  ]
}

/** @throws UserError */
async function transcriptIn(file: string): Promise<Transcript> {
  const found = parseTranscript(textOf(file))
  if (found === undefined)
    throw new UserError(`${file} is no transcript of a ceremony; an attestation is checked with --root.`)
  await requireSigned(file, found)
  return found
}

function shareIn({ ceremony, at, shares }: Transcript, file: string): readonly string[] {
  const { number, digest, ceremony: own } = parseShare(file, textOf(file))
  if (own !== ceremony)
    throw new UserError(
      `${file} is no share of this ceremony (${ceremony}), but share ${number} of ceremony ${own}: one that was held again, or another cloud's.`,
    )
  if (shares[number - 1] !== digest)
    throw new UserError(`${file} is no share of this ceremony as it gave share ${number} out.`)
  const isRight = `  ${file} is share ${number} of this ceremony (${ceremony}, of ${at}).`
  // A stick that knows no modes is no reason not to look at what is on it.
  return isOwn(file)
    ? [isRight]
    : [
        isRight,
        `  OPEN: other users can read ${file}; set its mode to 0600 where its medium has modes. hsm restore takes a share from such a file alone.`,
      ]
}
