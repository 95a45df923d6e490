import { hash } from 'node:crypto'
import * as v from 'valibot'
import { canonicalJson } from '../../canonicalJson.ts'
import { parseUniqueJson } from '../../parseUniqueJson.ts'
import { attestedTokenSchema, libraryInfoSchema } from '../formats/attestation.ts'
import { asJson } from '../formats/statement.ts'
import { isP384Signature, p384PublicKey } from '../primitives/p384.ts'

const format = 'vaultspan/hsm-ceremony/1'

const schema = v.strictObject({
  format: v.literal(format),
  ceremony: v.string(),
  /** RFC 3339. */
  at: v.string(),
  /** Of the program. */
  version: v.string(),
  threshold: v.number(),
  /** The digest of each custodian's share, in their order. */
  shares: v.array(v.string()),
  recoveryKey: v.strictObject({ publicKey: v.string(), sha256: v.string() }),
  /** Null: the regions are simulated. */
  library: v.nullable(libraryInfoSchema),
  regions: v.array(
    v.strictObject({
      region: v.string(),
      /** PEM of its identity. */
      publicKey: v.string(),
      /** What each says of itself and of the keys in it; none where it is simulated. */
      tokens: v.array(attestedTokenSchema),
    }),
  ),
  /** By each region's identity over every other member: ECDSA P-384, DER, base64. */
  signatures: v.record(v.string(), v.string()),
})

/** What was made in a ceremony, for whoever audits it. Nothing of it is secret. */
export type Transcript = v.InferOutput<typeof schema>

export interface Signer {
  readonly region: string
  readonly sign: (bytes: Uint8Array) => Promise<Buffer>
}

export async function signTranscript(
  fields: Omit<Transcript, 'format' | 'signatures'>,
  signers: readonly Signer[],
): Promise<Transcript> {
  const unsigned = { format, ...fields } as const
  const signed = await Promise.all(
    signers.map(async ({ region, sign }) => [region, (await sign(bytesOf(unsigned))).toString('base64')] as const),
  )
  return { ...unsigned, signatures: Object.fromEntries(signed) }
}

/** Undefined for what is none. */
export function parseTranscript(text: string): Transcript | undefined {
  try {
    const parsed = v.safeParse(schema, parseUniqueJson(text))
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}

/** Whether every region that it names, and nobody else, has signed it, with the key that it names. */
export async function isSignedByAll({ signatures, ...unsigned }: Transcript): Promise<boolean> {
  const bytes = bytesOf(unsigned)
  const names = new Set(unsigned.regions.map(({ region }) => region))
  if (names.size < unsigned.regions.length || Object.keys(signatures).some((name) => !names.has(name))) return false
  for (const { region, publicKey } of unsigned.regions) {
    const [key, signature] = [
      p384PublicKey(publicKey),
      Object.hasOwn(signatures, region) ? signatures[region] : undefined,
    ]
    if (key === undefined || signature === undefined) return false
    if (!(await isP384Signature(key, bytes, Buffer.from(signature, 'base64')))) return false
  }
  return unsigned.regions.length > 0
}

/** Of a public key in PEM, as a person compares it. */
export function fingerprint(pem: string): string {
  return hash('sha256', pem)
}

function bytesOf(unsigned: Omit<Transcript, 'signatures'>): Buffer {
  return Buffer.from(canonicalJson({ ...asJson(unsigned) }))
}
