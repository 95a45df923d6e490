import { hash } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import { foldCase } from '../foldCase.ts'
import type { PrincipalVariables } from '../principal.ts'

/** What a token of a trusted issuer says of its holder, as policies ask for it. */
export interface Workload {
  /** The same for an issuer's subject, in whatever region, and whoever trusts the issuer under which name. */
  readonly id: string
  /** The subject. */
  readonly name: string
  readonly variables: PrincipalVariables
}

/** Of the token itself, or of no use to a policy. */
const passedOver: ReadonlySet<string> = new Set(['aud', 'exp', 'iat', 'nbf', 'jti', 'iss'])
const prefix = 'request.principal.'
/** What the variables take in a session token, which is part of every request's header. */
const maxVariables = 2500
const maxName = 255
const nameForm = /^[a-z0-9_-]+$/

/**
 * Each claim that is a text, a number, a truth value or a list of texts is `request.principal.` and its name. Over them
 * stand those that a claim must not make up: type, id, issuer, and of Kubernetes namespace and service_account.
 * @throws KmsError notAuthenticated for claims that are too long to be carried along.
 */
export function workloadOf(claims: Readonly<Record<string, unknown>>): Workload {
  const issuer = String(claims['iss'])
  const name = String(claims['sub'])
  const id = `ocid1.workload.oc1..${hash('sha256', JSON.stringify([issuer, name]), 'hex').slice(0, 60)}`
  const variables: Record<string, string | readonly string[]> = {}
  for (const [claim, value] of Object.entries(claims)) {
    const folded = foldCase(claim)
    const text = asVariable(value)
    if (text !== undefined && nameForm.test(folded) && !passedOver.has(folded)) variables[prefix + folded] = text
  }
  const own = { type: 'workload', id, issuer, ...ofKubernetes(claims) }
  for (const [fact, text] of Object.entries(own)) variables[prefix + fact] = text
  if (Buffer.byteLength(JSON.stringify(variables)) > maxVariables || Buffer.byteLength(name) > maxName) {
    throw new KmsError(
      'notAuthenticated',
      `The token says too much of its holder: what policies can ask of it may have ${maxVariables} bytes, its subject ${maxName}. Have the issuer leave claims out.`,
      { reason: { name: 'oidcTokenTooLarge' } },
    )
  }
  return { id, name, variables }
}

function asVariable(value: unknown): string | readonly string[] | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (!Array.isArray(value)) return undefined
  return value.every((each) => typeof each === 'string') ? value : undefined
}

/** A service account's token has both in a claim of its own. */
function ofKubernetes(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const own = member(claims, 'kubernetes.io')
  const namespace = member(own, 'namespace')
  const account = member(member(own, 'serviceaccount'), 'name')
  return {
    ...(typeof namespace === 'string' ? { namespace } : {}),
    ...(typeof account === 'string' ? { service_account: account } : {}),
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}
