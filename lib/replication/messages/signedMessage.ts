import { hash } from 'node:crypto'
import type { Hsm, RegionStatement, TransferBundle, TransferContext, TransportOffer } from '../../hsm/hsm.ts'
import { canonicalJson, type Json, type JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import type { AuditHead } from '../../kms/auditChain/auditHead.ts'
import type { Compared, Comparison } from './comparison.ts'
import { provesAll, type Receipts } from './receipts.ts'
import type { IdentityRecord, RecordBody, VaultRecord } from './record.ts'
import type { CommitMark } from '../../commitMark.ts'
import { parseJson } from '../../parseJson.ts'

/** What regions tell each other. Requests to the inbox of the destination; answers to the outcome queue of the source. */
export type Body =
  | {
      readonly kind: 'linkRequest'
      readonly vaultId: string
      readonly fence: number
      readonly context: TransferContext
    }
  | {
      readonly kind: 'linkBundle'
      readonly vaultId: string
      readonly fence: number
      readonly bundle: TransferBundle
      readonly vault: VaultRecord
    }
  | {
      readonly kind: 'records'
      readonly vaultId: string
      readonly fence: number
      readonly records: readonly RecordBody[]
    }
  | ({ readonly kind: 'compare' } & Comparison)
  | ({ readonly kind: 'compared' } & Compared)
  | { readonly kind: 'purge'; readonly vaultId: string; readonly fence: number }
  | { readonly kind: 'identity'; readonly records: readonly IdentityRecord[] }
  | { readonly kind: 'auditHeads'; readonly heads: readonly AuditHead[] }
  | { readonly kind: 'backupKeysOffer'; readonly offer: TransportOffer }
  | { readonly kind: 'backupKeysBundle'; readonly bundle: TransferBundle }
  | { readonly kind: 'linkOffer'; readonly vaultId: string; readonly fence: number; readonly offer: TransportOffer }
  | { readonly kind: 'linkAccepted'; readonly vaultId: string; readonly fence: number }
  | { readonly kind: 'purged'; readonly vaultId: string; readonly fence: number }
  | { readonly kind: 'identityReceipt'; readonly seq: number }
  | {
      readonly kind: 'compartmentVote'
      readonly compartmentId: string
      readonly workRequestId: string
      readonly isEmpty: boolean
    }
  | ({ readonly kind: 'receipts' } & Receipts)

export type BodyOf<K extends Body['kind']> = Extract<Body, { kind: K }>

/** A signed message as it lies in a queue. */
interface EnvelopeText extends JsonObject {
  /** Signed, with whatever a newer version puts beside these: every member but body, statement and signature. */
  readonly format: 'vaultspan/envelope/1'
  readonly source: string
  readonly destination: string
  readonly tenancyId: string
  readonly sentAt: number
  readonly mark?: number
  readonly run?: string
  /** The body as canonical text. What is signed is its SHA-256 or, for receipts, their Merkle root. */
  readonly body: string
  readonly statement: RegionStatement & JsonObject
  readonly signature: string
}

/** An envelope whose signature was verified. */
export interface Envelope {
  readonly source: string
  readonly tenancyId: string
  readonly sentAt: number
  /** How many changes the sender had committed by then, where it counts them. */
  readonly mark?: number
  /** The run of the sender that made the last of them, where it tells them apart. */
  readonly run?: string
  readonly body: Body
  /** What was signed and by whom: kept with a receipt as its proof. */
  readonly proof: JsonObject
}

export interface Address {
  readonly tenancyId: string
  readonly destination: string
}

/** Signs a body with this region's identity key, so that the receiver knows which region speaks. */
export async function signMessage(
  hsm: Pick<Hsm, 'region' | 'sign' | 'statement'>,
  { tenancyId, destination }: Address,
  sentAt: number,
  body: Body,
  committed?: CommitMark,
): Promise<string> {
  const text = canonicalJson(body as unknown as Json)
  const head = {
    format: 'vaultspan/envelope/1',
    source: hsm.region,
    destination,
    tenancyId,
    sentAt,
    ...committed,
  } as const
  const digest = body.kind === 'receipts' ? body.root : textDigest(text)
  const signature = await hsm.sign(signedBytes(head, digest))
  const statement = { ...hsm.statement(tenancyId) }
  return JSON.stringify({
    ...head,
    body: text,
    statement,
    signature: signature.toString('base64'),
  } satisfies EnvelopeText)
}

/** @throws KmsError integrityFailure where the message is no envelope, is for another region, or its signature does not verify. */
export async function verifyMessage(hsm: Hsm, text: string): Promise<Envelope> {
  const envelope = parse(text)
  const { body, statement, signature, ...head } = envelope
  const { source, destination, tenancyId, sentAt } = head
  if (destination !== hsm.region) throw new KmsError('integrityFailure', `The envelope is for ${destination}.`)
  if (statement.region !== source || statement.tenancyId !== tenancyId) {
    throw new KmsError('integrityFailure', 'The envelope carries the statement of another region or tenancy.')
  }
  const content = parseJson(body) as Body
  const digest = digestOf(content, body)
  const bytes = signedBytes(head, digest)
  if (!(await hsm.isSignedBy(statement, bytes, Buffer.from(signature, 'base64')))) {
    throw new KmsError('integrityFailure', `The envelope from ${source} is not signed by it.`)
  }
  return {
    source,
    tenancyId,
    sentAt,
    ...committedIn(head),
    body: content,
    proof: { ...head, digest, signature, statement },
  }
}

function committedIn({ mark, run }: { readonly mark?: unknown; readonly run?: unknown }): Partial<CommitMark> {
  if (typeof mark !== 'number') return {}
  return typeof run === 'string' && run.length <= maxRunLength ? { mark, run } : { mark }
}

/** Of an id that is kept. */
const maxRunLength = 100

function parse(text: string): EnvelopeText {
  try {
    const value = parseJson(text) as Partial<EnvelopeText> | null
    if (
      value?.format === 'vaultspan/envelope/1' &&
      typeof value.body === 'string' &&
      typeof value.statement === 'object'
    ) {
      return value as EnvelopeText
    }
  } catch (cause) {
    throw new KmsError('integrityFailure', 'The message is not JSON.', { cause })
  }
  throw new KmsError('integrityFailure', 'The message is not an envelope of a format this version reads.')
}

function textDigest(text: string): string {
  return hash('sha256', text, 'base64')
}

/** Of a message that came. @throws KmsError integrityFailure */
function digestOf(body: Body, text: string): string {
  if (body.kind !== 'receipts') return textDigest(text)
  if (!provesAll(body)) throw new KmsError('integrityFailure', 'A receipt does not lead to the root of its batch.')
  return body.root
}

/** What a message's signature covers. */
export function signedBytes(head: JsonObject, digest: string): Buffer {
  return Buffer.from(canonicalJson({ ...head, digest }))
}
