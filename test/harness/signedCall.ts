import { createHash, createPublicKey, randomBytes, sign as signBytes } from 'node:crypto'
import { auditFunction } from '../../handlers/audit/auditFunction.ts'
import { cryptoFunction } from '../../handlers/crypto/cryptoFunction.ts'
import { identityFunction } from '../../handlers/identity/identityFunction.ts'
import { keysFunction } from '../../handlers/keys/keysFunction.ts'
import { vaultFunction } from '../../handlers/vault/vaultFunction.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { servingFunction } from '../../lib/http/routes.ts'
import type { HttpResponse } from '../../lib/http/wireRequest.ts'
import { newOcid } from '../../lib/ocid.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { provisionTenancy } from '../../lib/runtime/provisionTenancy.ts'
import { knownCallersKey } from './knownRsaPair.ts'

export interface CallableRegion {
  readonly runtime: Runtime
  readonly hsm: ProvisionedHsm
}

export interface Answered {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly list: readonly Record<string, unknown>[]
  readonly headers: Record<string, string>
  /** The body as it came. */
  readonly text: string
}

export interface CallOptions {
  readonly host?: string
  readonly headers?: Record<string, string>
  /** The signed date, where it is not the clock's. */
  readonly signedAt?: number
}

export type Call = (
  region: CallableRegion,
  method: string,
  target: string,
  body?: unknown,
  options?: CallOptions,
) => Promise<Answered>

/** What the steps of test/harness/vaultStory.ts need of a cloud, whatever its regions keep their rows in. */
export interface StoryCloud {
  readonly a: CallableRegion
  readonly b: CallableRegion
  readonly tenancyId: string
  readonly call: Call
  /** Runs streams and queues until nothing is left to do. */
  readonly settle: () => Promise<void>
}

const { privateKey, publicKey } = knownCallersKey()
/** Of the key with which every caller signs. */
export const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }) as string

/** Provisions a tenancy, first of all in its home region; resolves with the keyId of its administrator. */
export async function newTenancy([home, ...others]: readonly [CallableRegion, ...CallableRegion[]], tenancyId: string) {
  const root = home.hsm.createTenancyRoot(tenancyId)
  for (const { hsm } of [home, ...others])
    await hsm.acceptStatement(root, home.hsm.issueStatement(tenancyId, hsm.region, hsm.identityPublicKey))
  const userId = newOcid(randomBytes, 'user')
  await provisionTenancy(home.runtime, {
    tenancyId,
    tenancyName: 'test',
    administrator: { userId, name: 'admin', publicKeyPem },
  })
  return `${tenancyId}/${userId}/${fingerprint(createPublicKey(privateKey))}`
}

const functions = {
  vault: vaultFunction,
  keys: keysFunction,
  crypto: cryptoFunction,
  identity: identityFunction,
  audit: auditFunction,
}

/** Signs the call as the administrator and gives it to the function that serves it. */
export async function signedCall(
  { runtime }: Pick<CallableRegion, 'runtime'>,
  keyId: string,
  now: number,
  method: string,
  target: string,
  body: unknown,
  { host = 'region', headers = {}, signedAt = now }: CallOptions,
): Promise<Answered> {
  const text = body === undefined ? '' : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const signed: Record<string, string> = {
    date: new Date(signedAt).toUTCString(),
    '(request-target)': `${method.toLowerCase()} ${target}`,
    host,
  }
  if (method !== 'GET' && method !== 'DELETE') {
    signed['content-length'] = String(Buffer.byteLength(text))
    signed['content-type'] = 'application/json'
    signed['x-content-sha256'] = createHash('sha256').update(text).digest('base64')
  }
  const names = Object.keys(signed)
  const signature = signBytes(
    'sha256',
    Buffer.from(names.map((name) => `${name}: ${signed[name] ?? ''}`).join('\n')),
    privateKey,
  ).toString('base64')
  const authorization = `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names.join(' ')}",signature="${signature}"`
  const { '(request-target)': _target, ...sent } = signed
  const [rawPath = '', rawQueryString = ''] = target.split('?')
  const serves = servingFunction(method, rawPath)
  const response: HttpResponse = await functions[serves](runtime)({
    rawPath,
    rawQueryString,
    headers: { ...sent, authorization, ...headers },
    ...(text.length === 0 ? {} : { body: text.toString('base64') }),
    isBase64Encoded: Buffer.isBuffer(text),
    requestContext: { http: { method, sourceIp: '127.0.0.1' } },
  })
  const isJson = response.headers['content-type'] === 'application/json' && response.body !== ''
  const value: unknown = isJson ? JSON.parse(response.body) : {}
  const isList = Array.isArray(value)
  return {
    status: response.statusCode,
    text: response.body,
    body: (isList ? {} : value) as Record<string, unknown>,
    list: (isList ? value : []) as readonly Record<string, unknown>[],
    headers: response.headers,
  }
}
