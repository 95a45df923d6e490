import { attestedBytes, ownStatement, parseAttestation, weaknesses } from '../../lib/hsm/formats/attestation.ts'
import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import { realm } from '../../lib/ocid.ts'
import { UserError } from '../../lib/userError.ts'
import { readRoot } from '../directory/readRoot.ts'
import { textOf } from '../textOf.ts'

/** Checks what hsm attest has written, offline. Resolves with lines for a person. @throws UserError where it proves nothing. */
export async function verifyAttestation(
  file: string,
  rootFile: string,
  challenge: string | undefined,
): Promise<readonly string[]> {
  const found = parseAttestation(textOf(file))
  if (found === undefined) throw new UserError(`${file} is no attestation of hsm attest.`)
  const root = readRoot(rootFile)
  if (root === undefined) throw new UserError(`${rootFile} holds no P-384 public key in PEM.`)
  const under = signaturesUnder(root, realm)
  const believed = []
  for (const each of ownStatement(found)) if (await under.isStatement(each)) believed.push(each)
  const [statement] = believed
  if (statement === undefined)
    throw new UserError(`The tenancy's root does not say that the key of ${file} is region ${found.region}.`)
  if (!(await under.isSignedBy(statement, attestedBytes(found), Buffer.from(found.signature, 'base64'))))
    throw new UserError(`The signature of ${file} does not verify: it was altered, or another key signed it.`)
  if (challenge !== undefined && found.challenge !== challenge)
    throw new UserError(`${file} answers another challenge: it may be an old one.`)
  return [
    `Valid: region ${found.region} of tenancy ${statement.tenancyId} said so at ${found.at}.`,
    `  ${found.library.description}, ${found.library.manufacturer}, version ${found.library.version}`,
    ...found.tokens.map(
      ({ label, model, serial, keys }) => `  ${label}: ${model}, serial ${serial}, ${keys.length} keys that stay`,
    ),
    ...weaknesses(found).map((says) => `  WEAK: ${says}`),
  ]
}
