import * as v from 'valibot'
import { canonicalJson } from '../../canonicalJson.ts'
import { parseUniqueJson } from '../../parseUniqueJson.ts'
import type { RegionStatement } from '../hsm.ts'
import { asJson, statementMembers } from './statement.ts'

const attestationFormat = 'vaultspan/hsm-attestation/1'

const flags = v.strictObject({
  isToken: v.boolean(),
  isPrivate: v.boolean(),
  isSensitive: v.boolean(),
  /** Never was anything else. */
  isAlwaysSensitive: v.boolean(),
  isExtractable: v.boolean(),
  isNeverExtractable: v.boolean(),
  /** Made in this token. */
  isLocal: v.boolean(),
  isModifiable: v.boolean(),
})

export const attestedTokenSchema = v.strictObject({
  label: v.string(),
  manufacturer: v.string(),
  model: v.string(),
  serial: v.string(),
  hardware: v.string(),
  firmware: v.string(),
  keys: v.array(
    v.strictObject({
      label: v.string(),
      kind: v.picklist(['secret', 'private']),
      uses: v.array(v.string()),
      ...flags.entries,
    }),
  ),
})

export const libraryInfoSchema = v.strictObject({
  manufacturer: v.string(),
  description: v.string(),
  version: v.string(),
  cryptoki: v.string(),
})

const statement = v.strictObject(statementMembers)

const attestation = v.strictObject({
  format: v.literal(attestationFormat),
  region: v.string(),
  realm: v.string(),
  /** RFC 3339. */
  at: v.string(),
  /** What whoever asked wants to find again; null: nothing. */
  challenge: v.nullable(v.string()),
  library: libraryInfoSchema,
  /** The region's, then its pool's for private vaults. */
  tokens: v.array(attestedTokenSchema),
  /** By which the tenancies' roots say that the key below is the region's. */
  statements: v.array(statement),
  /** PEM of the region's identity, whose private half is in the first token. */
  publicKey: v.string(),
  /** Over every other member, ECDSA P-384 with SHA-384, DER, base64. */
  signature: v.string(),
})

/** What a region's tokens say of themselves and of the keys in them, signed by the region. */
export type Attestation = v.InferOutput<typeof attestation>
export type AttestedToken = Attestation['tokens'][number]
export type AttestedKey = AttestedToken['keys'][number]

/** Undefined for what is none. */
export function parseAttestation(text: string): Attestation | undefined {
  try {
    const parsed = v.safeParse(attestation, parseUniqueJson(text))
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}

export async function signAttestation(
  hsm: { readonly sign: (bytes: Uint8Array) => Promise<Buffer> },
  fields: Omit<Attestation, 'format' | 'signature'>,
): Promise<Attestation> {
  const unsigned = { format: attestationFormat, ...fields } as const
  return { ...unsigned, signature: (await hsm.sign(attestedBytes(unsigned))).toString('base64') }
}

export function attestedBytes(document: Omit<Attestation, 'signature'>): Buffer {
  return Buffer.from(canonicalJson({ ...asJson(document), signature: undefined }))
}

/** The statement by which the root of a tenancy speaks for the signer. */
export function ownStatement({ statements, region, publicKey }: Attestation): readonly RegionStatement[] {
  return statements.filter((each) => each.region === region && each.publicKey === publicKey)
}

/** What in it is not as a vault's keeper should be; nothing where all is well. */
export function weaknesses({ tokens }: Attestation): readonly string[] {
  return tokens.flatMap(({ label, keys }) => [
    ...(keys.length === 0
      ? []
      : keys.flatMap((key) => weaknessesOf(key).map((says) => `${label}: "${key.label}" ${says}`))),
  ])
}

function weaknessesOf(key: AttestedKey): readonly string[] {
  return [
    ...(key.isExtractable ? ['can be taken out'] : []),
    ...(key.isSensitive ? [] : ['can be read']),
    ...(key.isModifiable ? ['can be changed'] : []),
    ...(key.isToken ? [] : ['does not stay']),
    ...(key.isLocal && key.isNeverExtractable && key.isAlwaysSensitive
      ? []
      : ['was not made in the token, or could once leave it (hsm migrate, custodians)']),
  ]
}
