import type { AuditWrite, MarkedAuditWrites } from './audit.ts'
import { KmsError } from '../errors.ts'
import type { JsonObject } from '../canonicalJson.ts'
import type { KmsPorts } from './kmsPorts.ts'
import type { RandomBytes } from '../ocid.ts'
import type { Condition, Item, TableName, Write } from '../ports.ts'
import type { VaultRow } from './rows/rows.ts'

/** What an audit event says of the resource that was changed. */
export interface AuditEffect {
  readonly resourceId: string
  readonly resourceName: string
  readonly compartmentId: string
  readonly previous?: JsonObject
  readonly current?: JsonObject
  /** `.begin` or `.end` of an asynchronous operation (contract §10.3). */
  readonly suffix?: '.begin' | '.end'
}

/** One caller's request to change something, as far as the domain needs to know it. */
export interface Mutation {
  /** What a repetition is known by: the retry token, or without one the signature. Undefined for the system's own changes. */
  readonly request?: { readonly pk: string; readonly digest: string; readonly expiresAt: number }
  readonly signature?: SignatureOfChange
  readonly ifMatch?: string
  /** The audit event of this request as writes, so that it commits with the change or not at all. */
  readonly audit: (effect: AuditEffect) => MarkedAuditWrites
}

/** The signature of a change, by which a copy is known whatever its unsigned headers say. */
export interface SignatureOfChange {
  readonly pk: string
  readonly digest: string
  readonly expiresAt: number
  /** Unix milliseconds of the request's arrival. */
  readonly at: number
  readonly token: string | undefined
  /** What a request of the same caller to the same operation with a token is known by. */
  readonly requestOf: (token: string) => string
  /** Whether the first request with this signature is still to be noted; false as soon as another one is known. */
  isFirst: boolean
}

/** The first result of a request: by its retry token, which lives 24 h, or by its signature, while that is good. */
export interface RequestRow extends Item {
  readonly format: 'vaultspan/request/1'
  readonly digest: string
  readonly resourceId: string
  readonly etag: string
  readonly expiresAt: number
  /** Of a signature: when its first request arrived, and the retry token that this one carried. */
  readonly at?: number
  readonly token?: string
}

export const requestSk = 'request'

/** @throws KmsError invalidatedRetryToken where the resource changed since the first result. */
export function requireUnchanged(earlier: Pick<RequestRow, 'etag'>, etag: string | undefined): void {
  if (earlier.etag !== etag) {
    throw new KmsError(
      'invalidatedRetryToken',
      'This request was made before, and its resource was changed or deleted since; sign a new one, with a new opc-retry-token.',
    )
  }
}

/**
 * A retry token's row carries no MAC of its own, so what it leads to must say itself that this request made it: its row
 * does, and its row has a MAC. `made` is undefined where there is no such resource.
 * @throws KmsError invalidatedRetryToken as above; integrityFailure where another request made it.
 */
export function requireMadeBy(
  earlier: Pick<RequestRow, 'pk' | 'etag'>,
  made: { readonly etag: string; readonly request: string | null } | undefined,
): void {
  requireUnchanged(earlier, made?.etag)
  if (made?.request !== earlier.pk) throw foreignResult()
}

/** @throws KmsError integrityFailure where the row of a retry token leads to another resource than its request is about. */
export function requireResultIs(earlier: Pick<RequestRow, 'resourceId'>, resourceId: string): void {
  if (earlier.resourceId !== resourceId) throw foreignResult()
}

function foreignResult(): KmsError {
  return new KmsError('integrityFailure', 'The row of a retry token leads to what its request did not make.')
}

/** The writes that every change carries along: its audit event, and the rows by which it is known again. */
export function bookkeeping(mutation: Mutation, effect: AuditEffect, etag: string): readonly [AuditWrite, ...Write[]] {
  const { request, signature } = mutation
  const { resourceId } = effect
  const writes: Write[] = []
  if (request !== undefined && request.pk !== signature?.pk) writes.push(newRequest(request, { resourceId, etag }))
  if (signature?.isFirst === true) {
    const { at, token } = signature
    writes.push(newRequest(signature, { resourceId, etag, at, ...(token === undefined ? {} : { token }) }))
  }
  return [...mutation.audit(effect), ...writes]
}

function newRequest(
  { pk, digest, expiresAt }: NonNullable<Mutation['request']>,
  result: Pick<RequestRow, 'resourceId' | 'etag' | 'at' | 'token'>,
): Write {
  const item: RequestRow = { pk, sk: requestSk, format: 'vaultspan/request/1', digest, ...result, expiresAt }
  return { op: 'put', table: 'Requests', item, condition: { kind: 'absent' } }
}

/**
 * A change under a vault commits only while the vault is what the caller read: same writer, same state, same replica.
 * Else a key could be acknowledged without a hand-off because its replica was made in between.
 */
export function vaultStands(vault: VaultRow): Write {
  const { primaryRegion, lifecycleState, epoch, handOffTo, fence } = vault
  const condition = { kind: 'fields', fields: { primaryRegion, lifecycleState, epoch, handOffTo, fence } } as const
  return { op: 'check', table: 'Vaults', pk: vault.pk, sk: vault.sk, condition }
}

export function requirePrimary({ region }: Pick<KmsPorts, 'region'>, vault: VaultRow): void {
  if (vault.primaryRegion !== region) {
    const place = `This vault is a replica; send the request to its primary region, ${vault.primaryRegion}.`
    throw new KmsError('conflict', place)
  }
}

/** Holds where nothing was written since `read`, an absent row included. */
export function unchangedSince(read: { readonly revision: number } | undefined): Condition {
  return read === undefined ? { kind: 'absent' } : { kind: 'revision', revision: read.revision }
}

/** A row in the place of what was read, as long as nothing was written there since. */
export function putOver(
  table: TableName,
  next: { readonly pk: string; readonly sk: string },
  previous: { readonly revision: number } | undefined,
): Write {
  return { op: 'put', table, item: { ...next }, condition: unchangedSince(previous) }
}

export function newEtag(random: RandomBytes): string {
  return Buffer.from(random(20)).toString('hex')
}
