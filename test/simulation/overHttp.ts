import { createPublicKey } from 'node:crypto'
import { KmsError } from '../../lib/errors.ts'
import type { Json, JsonObject } from '../../lib/canonicalJson.ts'
import type { Answer } from '../../lib/http/operation.ts'
import { rowOf } from '../../lib/http/operations.ts'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { publicKeyPem, signedCall } from '../harness/signedCall.ts'
import { InjectedFault } from './injectedFault.ts'
import type { Ask, Tenancy } from './requests.ts'
import { Violation } from './violation.ts'

/** With this key the administrators of all simulated tenancies sign. */
export const administratorKeyPem = publicKeyPem
const administratorKey = fingerprint(createPublicKey(publicKeyPem))

/** Gives a signed request to the function that serves it: routes, signature, schema, audit and error table run as they are. */
export async function performOverHttp(runtime: Runtime, { id, userId }: Tenancy, ask: Ask): Promise<Answer> {
  const { method, path } = rowOf(ask.operation.id)
  const query = new URLSearchParams(ask.query).toString()
  const place = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ask.parameters[name] ?? ''))
  const target = query === '' ? place : `${place}?${query}`
  const { status, body, headers } = await signedCall(
    { runtime },
    `${id}/${userId}/${administratorKey}`,
    runtime.clock(),
    method,
    target,
    ask.input === undefined ? undefined : onTheWire(ask.input),
    {
      host: ask.vaultId === '' ? 'region' : ask.vaultId,
      headers: ask.token === undefined ? {} : { 'opc-retry-token': ask.token },
    },
  )
  if (status < 300) return { body: body as JsonObject, headers }
  const text = `${ask.operation.id} is answered ${status}: ${JSON.stringify(body)}`
  if (status === 401 || body['code'] === 'CannotParseRequest') throw new Violation(text)
  // What went wrong is looked at where the service logs it (world.ts).
  if (status >= 500) throw new InjectedFault(text)
  throw new KmsError('incorrectState', text)
}

/** An input as its schema leaves it, as it was before. */
function onTheWire(value: unknown): Json {
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(onTheWire)
  if (typeof value !== 'object' || value === null) return value as Json
  const members = Object.entries(value).map(([name, member]) => [name, onTheWire(member)] as const)
  if (!('blob' in value)) return Object.fromEntries(members)
  const { blob = null, scheme = null } = Object.fromEntries(members)
  return { keyMaterial: blob, wrappingAlgorithm: scheme }
}
