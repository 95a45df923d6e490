import * as v from 'valibot'
import type { Signatures } from '../../kms/signatures.ts'
import { isAtLeast } from '../../kms/rows/epoch.ts'
import { parseUniqueJson } from '../../parseUniqueJson.ts'
import { parseReplicationId } from '../replicationId.ts'
import { merkleRoot } from './merkle.ts'
import { unsignedProofBytes, type ProofOfArrival } from './proofOfArrival.ts'
import { receiptText } from './receipts.ts'
import { signedBytes } from './signedMessage.ts'

/** Why a proof is no proof, a line for each kind. */
export const proofFailures = {
  format: 'This is no proof of arrival in a format that this version reads.',
  sourceStatement: "The tenancy's root did not sign the statement of the region that issued this proof.",
  sourceSignature: 'The proof is not as the region that issued it signed it.',
  replicaStatement: "The tenancy's root did not sign the statement of the region that signed the receipt.",
  replicaSignature: 'The root of the receipts is not as the replica signed it.',
  path: 'The receipt does not lead to the root that was signed.',
  region: 'The receipt was not made by the replica for the source that the proof names.',
  resource: 'The receipt is about another vault or key.',
  fence: 'The receipt is of an earlier link between the two regions.',
  coverage: 'The receipt covers an earlier state only.',
  digest: 'What the replica stored is not what the source has.',
} as const

export type ProofFailure = keyof typeof proofFailures

export interface CheckedProof {
  readonly proof: ProofOfArrival
  readonly failures: readonly ProofFailure[]
}

/** All that is wrong with a proof; nothing: the replica had the change. */
export async function checkProof(
  text: string,
  signaturesFor: (trustRoot: string) => Signatures | undefined,
): Promise<CheckedProof | 'format'> {
  const proof = parse(text)
  const signatures = proof === undefined ? undefined : signaturesFor(proof.trustRoot)
  if (proof === undefined || signatures === undefined) return 'format'
  const { statement, signature, digest, ...head } = proof.proof
  const isTrue: Record<Exclude<ProofFailure, 'format'>, boolean> = {
    sourceStatement: await signatures.isStatement(proof.statement),
    sourceSignature: await signatures.isSignedBy(proof.statement, unsignedProofBytes(proof), bytesOf(proof.signature)),
    replicaStatement: await signatures.isStatement(statement),
    replicaSignature: await signatures.isSignedBy(statement, signedBytes(head, digest), bytesOf(signature)),
    path: merkleRoot(receiptText(proof.receipt), proof.path) === digest,
    region: isBetweenItsRegions(proof),
    resource: proof.receipt.vaultId === proof.vaultId && proof.receipt.resourceId === changeOf(proof)?.id,
    fence: proof.receipt.fence === proof.fence,
    coverage: isCovered(proof),
    digest: isSameRows(proof),
  }
  const failures = (Object.keys(isTrue) as (keyof typeof isTrue)[]).filter((kind) => !isTrue[kind])
  return { proof, failures }
}

export function changeOf({ replicationId }: ProofOfArrival) {
  return parseReplicationId(replicationId)
}

function isBetweenItsRegions({ tenancyId, source, replica, statement, proof }: ProofOfArrival): boolean {
  const isOfTenancy = [statement.tenancyId, proof.tenancyId, proof.statement.tenancyId].every((id) => id === tenancyId)
  const isFromReplica = proof.source === replica && proof.statement.region === replica
  return isOfTenancy && isFromReplica && proof.destination === source && statement.region === source
}

function isCovered(proof: ProofOfArrival): boolean {
  const change = changeOf(proof)
  return change !== undefined && isAtLeast(proof.receipt.covered, change) && isAtLeast(proof.stored, change)
}

/** Where both speak of one state their rows must be the same; of an earlier one the source has no digest any more. */
function isSameRows({ receipt, stored }: ProofOfArrival): boolean {
  const { covered, digest, versions = null } = receipt
  if (covered.epoch !== stored.epoch || covered.revision !== stored.revision) return true
  return digest === stored.digest && versions === stored.versions
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64')
}

/** Only the one spelling of its bytes: what a decoder would overlook could be altered unseen. */
const base64 = v.pipe(
  v.string(),
  v.check((text) => bytesOf(text).toString('base64') === text),
)
const order = { epoch: v.string(), revision: v.number() }
const statement = v.looseObject({
  format: v.literal('vaultspan/region-statement/1'),
  realm: v.string(),
  tenancyId: v.string(),
  region: v.string(),
  publicKey: v.string(),
  signature: base64,
})
const proofOfArrival = v.looseObject({
  format: v.literal('vaultspan/proof-of-arrival/1'),
  tenancyId: v.string(),
  vaultId: v.string(),
  replicationId: v.string(),
  source: v.string(),
  replica: v.string(),
  fence: v.number(),
  issuedAt: v.number(),
  stored: v.looseObject({ ...order, digest: v.string(), versions: v.nullable(v.string()) }),
  receipt: v.looseObject({
    vaultId: v.string(),
    resourceId: v.string(),
    fence: v.number(),
    covered: v.looseObject(order),
    digest: v.string(),
    versions: v.nullish(v.string()),
  }),
  path: v.array(v.string()),
  proof: v.looseObject({
    format: v.literal('vaultspan/envelope/1'),
    source: v.string(),
    destination: v.string(),
    tenancyId: v.string(),
    sentAt: v.number(),
    digest: base64,
    signature: base64,
    statement,
  }),
  trustRoot: v.string(),
  statement,
  signature: base64,
})

function parse(text: string): ProofOfArrival | undefined {
  try {
    const value = parseUniqueJson(text)
    return v.is(proofOfArrival, value) ? (value as unknown as ProofOfArrival) : undefined
  } catch {
    return undefined
  }
}
