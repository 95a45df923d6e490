import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import { p384PublicKey } from '../../lib/hsm/primitives/p384.ts'
import { realm } from '../../lib/ocid.ts'
import { checkProof, type ProofFailure } from '../../lib/replication/messages/checkProof.ts'
import {
  unsignedProofBytes,
  type ProofOfArrival,
  type ReceiptProof,
  type UnsignedProof,
} from '../../lib/replication/messages/proofOfArrival.ts'
import type { Receipt } from '../../lib/replication/messages/receipts.ts'
import { signedBytes } from '../../lib/replication/messages/signedMessage.ts'
import { altered } from '../hsm/contract/fixtures.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { changeIn, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** What a proof of arrival says, member by member, where the source signs anything and the replica what it is asked to. */

let cloud: TestCloud
let proof: ProofOfArrival
beforeAll(async () => {
  cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  const { replicationId } = changeIn((await makeKey(cloud, vaultId)).body)
  await cloud.settle()
  const target = `/20180608/replicaOperations/${replicationId}/receipt`
  proof = JSON.parse((await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })).text) as ProofOfArrival
})
afterAll(() => {
  cloud.close()
})

async function found(text: string): Promise<readonly string[]> {
  const root = p384PublicKey(cloud.a.hsm.trustRoot(cloud.tenancyId))
  const result = await checkProof(text, () => root && signaturesUnder(root, realm))
  return result === 'format' ? ['format'] : result.failures
}

/** Every member, so that one that is added is told about here: what must be refused where it is another. */
type OfMembers<T, Left extends keyof T = never> = Readonly<Record<Exclude<keyof T, Left>, ProofFailure>>

/** The time of issue is the source's own word; the root is what the checker has from elsewhere. */
const membersOfProof: OfMembers<UnsignedProof, 'issuedAt' | 'trustRoot'> = {
  format: 'format',
  tenancyId: 'region',
  vaultId: 'resource',
  replicationId: 'resource',
  source: 'region',
  replica: 'region',
  fence: 'fence',
  stored: 'digest',
  receipt: 'path',
  path: 'path',
  proof: 'replicaSignature',
  statement: 'sourceStatement',
}
const membersOfReceipt: OfMembers<Receipt> = {
  vaultId: 'path',
  resourceId: 'path',
  fence: 'path',
  sequence: 'path',
  covered: 'path',
  digest: 'path',
  versions: 'path',
  committedAt: 'path',
  isGap: 'path',
}
const membersOfSigned: OfMembers<ReceiptProof> = {
  source: 'replicaSignature',
  destination: 'replicaSignature',
  tenancyId: 'replicaSignature',
  sentAt: 'replicaSignature',
  digest: 'replicaSignature',
  signature: 'replicaSignature',
  statement: 'replicaStatement',
}
const membersOfStored: OfMembers<ProofOfArrival['stored']> = {
  epoch: 'coverage',
  revision: 'coverage',
  digest: 'digest',
  versions: 'digest',
}

/** Another value of the same form; of an object, with another first text or number in it. */
function another(value: unknown): unknown {
  if (typeof value === 'number') return value - 1
  if (typeof value === 'boolean') return !value
  if (typeof value === 'string') return altered(value)
  if (Array.isArray(value)) return [...(value as readonly unknown[]), 'RAAAA']
  const { format, epoch, revision, ...rest } = value as Readonly<Record<string, unknown>>
  const [[name, first] = ['revision', revision]] = Object.entries(rest)
  return { format, epoch, revision, ...rest, [name]: another(first) }
}

type Part = 'receipt' | 'proof' | 'stored'
const parts: readonly (readonly [Part | undefined, Readonly<Record<string, ProofFailure>>])[] = [
  [undefined, membersOfProof],
  ['receipt', membersOfReceipt],
  ['proof', membersOfSigned],
  ['stored', membersOfStored],
]
const members = parts.flatMap(([part, table]) =>
  Object.entries(table).map(([member, expected]) => ({ part, member, expected })),
)

test('no member of it can be another, though the source signs it', async () => {
  const asAltered = async (part: Part | undefined, member: string) => {
    const of = (part === undefined ? proof : proof[part]) as unknown as Readonly<Record<string, unknown>>
    const value = member === 'replicationId' ? replicationOf('ocid1.key.oc1.another') : another(of[member])
    const lie = { ...of, [member]: value }
    return signedBySource(part === undefined ? (lie as unknown as ProofOfArrival) : { ...proof, [part]: lie })
  }
  const replicationOf = (id: string) => {
    const { epoch, revision } = proof.stored
    return Buffer.from(JSON.stringify([id, epoch, revision])).toString('base64url')
  }
  const known: unknown[] = []
  for (const { part, member, expected } of members)
    known.push([part, member, (await found(await asAltered(part, member))).includes(expected)])
  expect(known).toEqual(members.map(({ part, member }) => [part, member, true]))
})

async function signedBySource({ signature: _, ...lie }: ProofOfArrival): Promise<string> {
  const signature = (await cloud.a.hsm.sign(unsignedProofBytes(lie))).toString('base64')
  return JSON.stringify({ ...lie, signature })
}

/** What both regions sign as they should, and which is about another region or tenancy. */
const strangers = {
  'the replica’s word to another region': { destination: 'eu-frankfurt-1' },
  'the replica’s word under another name': { source: 'eu-frankfurt-1' },
  'the replica’s word in another tenancy': { tenancyId: 'ocid1.tenancy.oc1..another' },
} as const satisfies Record<string, Partial<ReceiptProof>>

test.each(Object.entries(strangers))('%s is no proof', async (_name, change) => {
  const { statement, signature: _signature, digest, ...head } = proof.proof
  const signature = (await cloud.b.hsm.sign(signedBytes({ ...head, ...change }, digest))).toString('base64')
  const lie = { ...proof, proof: { ...head, ...change, statement, digest, signature } }
  expect(await found(await signedBySource(lie))).toEqual(['region'])
})

test('nor is the source’s word for its replica, nor the replica’s for its source', async () => {
  const { statement, signature: _signature, digest, ...head } = proof.proof
  const signature = (await cloud.a.hsm.sign(signedBytes({ ...head }, digest))).toString('base64')
  const own = { ...proof, proof: { ...head, statement: proof.statement, digest, signature } }
  expect(await found(await signedBySource(own))).toEqual(['region'])
  const { signature: _other, ...unsigned } = { ...proof, statement }
  const replicas = (await cloud.b.hsm.sign(unsignedProofBytes(unsigned))).toString('base64')
  expect(await found(JSON.stringify({ ...unsigned, signature: replicas }))).toEqual(['region'])
})
