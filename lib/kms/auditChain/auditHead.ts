import { hash } from 'node:crypto'
import { canonicalJson, type Json, type JsonObject } from '../../canonicalJson.ts'
import type { Item } from '../../ports.ts'
import type { PlaceRange } from './chainPlace.ts'

/**
 * What a region's HSM signs of a writer's chain: every place from the head before up to `to`. Its hash covers all heads
 * before it, so that whoever keeps one of them, as the other regions do, knows the whole chain up to there.
 */
export interface AuditHead extends JsonObject {
  readonly format: 'vaultspan/audit-head/1'
  readonly region: string
  readonly writer: string
  /** Counted from 1. */
  readonly number: number
  readonly from: number
  readonly to: number
  /** SHA-256 of the canonical text of `HeadPlaces`, base64. */
  readonly places: string
  /** Of the events in them, as eventTime. */
  readonly firstTime: string
  readonly lastTime: string
  /** Null for the first one. */
  readonly previous: { readonly hash: string; readonly keptUntil: number | null } | null
  /** When the last event up to here has expired, and this head with it: Unix time in seconds; null: never. */
  readonly keptUntil: number | null
  /** The writer has ended and writes nothing after it. */
  readonly isLast: boolean
  /**
   * From when on every event of the region has a place in a chain, as eventTime; '': from its first on. Absent: not known,
   * or of an earlier version.
   */
  readonly chainedSince?: string
  /** Unix milliseconds. */
  readonly signedAt: number
  /** SHA-256 of the public key (PEM) that verifies it, hex. */
  readonly signer: string
  /** P-384, DER, base64, over every other member. */
  readonly signature: string
}

/** The places that a head covers: what remains to be known of events that have expired. */
export interface HeadPlaces extends JsonObject {
  readonly links: readonly string[]
  /** Places that hold nothing: a change that was refused, or a write that failed, whatever became of it. */
  readonly absent: readonly PlaceRange[]
  /** From which place on items expire when: Unix time in seconds, down to the minute; null: never. */
  readonly expiries: readonly (readonly [number, number | null])[]
}

export interface HeadRow extends Item {
  readonly head: AuditHead
  readonly places: HeadPlaces
}

/** A statement of the key that signs heads, for each tenancy whose root has signed one. */
export interface SignerRow extends Item {
  readonly statement: JsonObject
}

/** A head that was not yet given to the other regions: of each writer the latest, which covers all before it. */
export interface UntoldHeadRow extends Item {
  /** The head's number. */
  readonly revision: number
  readonly tenancyId: string
  readonly head: AuditHead
}

/**
 * What another region has said: kept where its operator cannot reach it. Of each writer the latest that it told, and each that
 * a later one does not follow.
 */
export interface PeerHeadRow extends Item {
  readonly head: AuditHead
  /** Of the region that told it, from its message. */
  readonly statement: JsonObject
}

export const headRows = {
  headPk: 'auditHead#',
  signerPk: 'auditSigner',
  untoldPk: 'untoldAuditHead',
  peerPk: 'peerAuditHead#',
} as const

export function headKey({ writer, number }: Pick<AuditHead, 'writer' | 'number'>): { pk: string; sk: string } {
  return { pk: `${headRows.headPk}${writer}`, sk: String(number).padStart(10, '0') }
}

/** Its hash is in the key, so that no other head ever takes its place. Earlier versions kept one of each writer, under its id alone. */
export function peerHeadKey(head: AuditHead): { pk: string; sk: string } {
  const { region, writer, number } = head
  return { pk: `${headRows.peerPk}${region}`, sk: `${writer}#${String(number).padStart(10, '0')}#${headHash(head)}` }
}

export function headHash(head: AuditHead): string {
  return hash('sha256', canonicalJson(head), 'base64')
}

export function placesDigest(places: HeadPlaces): string {
  return hash('sha256', canonicalJson(places), 'base64')
}

export function signerOf(publicKeyPem: string): string {
  return hash('sha256', publicKeyPem, 'hex')
}

/** What its signature covers. */
export function headBytes(head: Omit<AuditHead, 'signature'>): Buffer {
  const signed: Record<string, Json | undefined> = { ...head }
  delete signed['signature']
  return Buffer.from(canonicalJson(signed))
}
