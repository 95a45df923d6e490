import { KmsError } from '../errors.ts'
import type { BackOffPorts } from '../backOff.ts'
import { requireMatch } from './ifMatch.ts'
import { requestSk, requireResultIs, type Mutation, type RequestRow } from './mutation.ts'
import type { Tables } from '../ports.ts'
import { requireFormat } from '../requireFormat.ts'
import { untilCommitted } from './untilCommitted.ts'

type ReadPorts = { readonly tables: Pick<Tables, 'get'> }

/** How one kind of change is made on a caller's request; `C` is what it is judged by, `T` what is answered. */
export interface RequestedChange<C, T> {
  /** Of what is changed: an earlier request must have been about it. Undefined where the request makes something. */
  readonly resourceId?: string
  /** The answer to a request that was answered before. */
  readonly earlier: (found: RequestRow) => Promise<T>
  /** What is there, read anew after a lost race. Refuses where it may not be changed here and now. */
  readonly load: (round: number) => Promise<C>
  /** Against if-match. */
  readonly etagOf?: (current: C) => string
  /** Judges the state and commits; undefined, and nothing is written, where another request was faster. */
  readonly commit: (current: C) => Promise<T | undefined>
}

/**
 * The one order of every change (contract §2.5, steps 8 to 12): the result of the same request before; whether it may be
 * written here; if-match; state; all rows under their revisions, with audit event and retry token, or none; again where
 * another request was faster.
 */
export function requestedChange<C, T>(
  ports: ReadPorts & BackOffPorts,
  mutation: Mutation,
  { resourceId, earlier, load, etagOf, commit }: RequestedChange<C, T>,
): Promise<T> {
  const attempt = async (round: number) => {
    const current = await load(round)
    if (etagOf !== undefined) requireMatch(mutation, etagOf(current))
    return commit(current)
  }
  // Asked again in every round: calls at the same time are told apart or found to be one.
  return untilCommitted(ports, (round) => idempotent(ports, mutation, { resourceId, earlier }, () => attempt(round)))
}

/** Does the work, unless the same request has been answered before. */
export async function idempotent<T, W>(
  ports: ReadPorts,
  mutation: Mutation,
  { resourceId, earlier }: { readonly resourceId: string | undefined } & Pick<RequestedChange<unknown, T>, 'earlier'>,
  work: () => Promise<W>,
): Promise<T | W> {
  const found = await earlierResult(ports, mutation)
  if (found === undefined) return work()
  if (resourceId !== undefined) requireResultIs(found, resourceId)
  return earlier(found)
}

/**
 * Dates have a grain of a second, so honest calls may share a signature; but none is under way for so long that a second
 * one begins this much later with the same date.
 */
const honestMs = 2000

/**
 * What the same request has brought about before: one with its retry token, or one with its signature that arrived more
 * than two seconds earlier, whatever token that carried.
 * @throws KmsError invalidatedRetryToken where the token came before with another request.
 */
async function earlierResult(
  { tables }: { tables: Pick<Tables, 'get'> },
  { request, signature }: Mutation,
): Promise<RequestRow | undefined> {
  const isToken = request !== undefined && request.pk !== signature?.pk
  const [byToken, bySignature] = await Promise.all([
    isToken ? storedRequest(tables, request.pk) : undefined,
    signature === undefined ? undefined : storedRequest(tables, signature.pk),
  ])
  if (byToken !== undefined && byToken.digest !== request?.digest) {
    throw new KmsError('invalidatedRetryToken', 'This opc-retry-token was used with another request; use a new token.')
  }
  if (signature !== undefined && bySignature !== undefined) signature.isFirst = false
  if (byToken !== undefined || signature === undefined || bySignature === undefined) return byToken
  if (signature.at - (bySignature.at ?? 0) <= honestMs) return undefined
  const { token } = bySignature
  // The resource says which request made it, and that one was known by its token.
  return token === undefined ? bySignature : { ...bySignature, pk: signature.requestOf(token) }
}

async function storedRequest(tables: Pick<Tables, 'get'>, pk: string): Promise<RequestRow | undefined> {
  const stored = (await tables.get('Requests', pk, requestSk)) as RequestRow | undefined
  if (stored !== undefined) requireFormat('The row of a retry token', stored, 'vaultspan/request/1')
  return stored
}
