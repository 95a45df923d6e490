import { hash } from 'node:crypto'
import { KmsError } from '../errors.ts'
import type { Mutation } from '../kms/mutation.ts'
import type { Caller } from './authenticate.ts'
import type { OperationName } from './operations.ts'
import type { WireRequest } from './wireRequest.ts'

const maxTokenLength = 128
const tokenLifetimeSeconds = 24 * 3600
/** A signature is good for five minutes before and after its date. */
const signatureLifetimeSeconds = 15 * 60

/**
 * How a repetition of this request is recognised: by its retry token (principal + operation, contract §2.1), and by its
 * signature, which only a copy of the very same message repeats, or an honest call within the same second.
 * @throws KmsError invalidParameter for a token that is too long.
 */
export function requestIdentity(
  operation: OperationName,
  caller: Caller,
  { method, rawPath, rawQuery, headers, body }: WireRequest,
  now: number,
): Required<Pick<Mutation, 'request' | 'signature'>> {
  const scope = [caller.principal.tenancyId, caller.principal.id, operation]
  const digest = hash('sha256', Buffer.concat([Buffer.from(`${method} ${rawPath}?${rawQuery}\n`), body]), 'base64')
  const byToken = (given: string) => identity([...scope, 'token', given], digest, now, tokenLifetimeSeconds)
  const token = headers['opc-retry-token']
  if (token !== undefined && (token.length === 0 || token.length > maxTokenLength)) {
    throw new KmsError('invalidParameter', `opc-retry-token must have 1 to ${maxTokenLength} characters.`)
  }
  const signed = [caller.credentials, caller.signature.toString('base64')]
  const bySignature = identity(['signature', ...signed], digest, now, signatureLifetimeSeconds)
  return {
    request: token === undefined ? bySignature : byToken(token),
    signature: { ...bySignature, at: now, token, requestOf: (given) => byToken(given).pk, isFirst: true },
  }
}

function identity(
  parts: readonly string[],
  digest: string,
  now: number,
  lifetimeSeconds: number,
): NonNullable<Mutation['request']> {
  return {
    pk: hash('sha256', JSON.stringify(parts), 'hex'),
    digest,
    expiresAt: Math.floor(now / 1000) + lifetimeSeconds,
  }
}
