import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { cryptoFunction } from '../../handlers/crypto/cryptoFunction.ts'
import { identityFunction } from '../../handlers/identity/identityFunction.ts'
import { keysFunction } from '../../handlers/keys/keysFunction.ts'
import { vaultFunction } from '../../handlers/vault/vaultFunction.ts'
import { auditFunction } from '../../handlers/audit/auditFunction.ts'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { servingFunction } from '../../lib/http/routes.ts'
import type { HttpFunction } from '../../lib/http/httpFunction.ts'
import type { FunctionName } from '../../lib/http/operations.ts'
import { dialects, type DialectName } from '../iam/dialects.ts'
import { twoRegions } from '../harness/twoRegions.ts'
import { signedForm, type Original, type Sent, type Signing, type Unsigned } from './signedForm.ts'

/** What came of a request: whom it was taken for, if anybody. */
export interface Outcome {
  readonly status: number
  readonly caller: string | undefined
}

export interface FuzzStage {
  readonly originals: readonly Original[]
  send(request: Sent): Promise<Outcome>
  close(): void
}

/** A region over the real functions, two users with keys and one with a session, and requests of each client's form from all of them. */
export async function fuzzStage(): Promise<FuzzStage> {
  let caller: string | undefined
  const cloud = await twoRegions({
    logLevel: 'info',
    writeLog: (line) => {
      if (line.includes('"requestId"')) caller = (JSON.parse(line) as { caller: string | null }).caller ?? undefined
    },
  })
  const { a, tenancyId, clock } = cloud
  const signers = [await newUser('one'), await newUser('two')]
  const [first] = signers
  if (first === undefined) throw new Error('There are two.')
  const session = await sessionOf(first)
  await cloud.settle()
  const now = clock.now
  const absent = `ocid1.user.oc1..${'a'.repeat(60)}`
  const absentKey = `ocid1.key.oc1.iad.${'a'.repeat(13)}.${'b'.repeat(60)}`
  const asked: readonly Unsigned[] = [
    { method: 'GET', host: 'region', path: '/20160918/regions' },
    { method: 'GET', host: 'region', path: '/20160918/users', query: `compartmentId=${tenancyId}&name=a%20b` },
    { method: 'GET', host: 'region', path: `/20160918/users/${absent}/apiKeys` },
    { method: 'DELETE', host: 'region', path: `/20160918/users/${absent}/apiKeys/${'ab%3A'.repeat(15)}ab` },
    {
      method: 'POST',
      host: 'region',
      path: '/20160918/groups',
      body: '{"compartmentId":"ocid1.tenancy.oc1..aaaa","name":"g"}',
    },
    {
      method: 'POST',
      host: 'region',
      path: `/20180608/vaults/ocid1.vault.oc1.iad.aaaa.bbbb/actions/cancelDeletion`,
    },
    { method: 'PUT', host: 'region', path: `/20160918/users/${absent}`, body: '{"description":"other"}' },
    {
      method: 'POST',
      host: 'ocid1.vault.oc1.iad.aaaa.bbbb',
      path: '/20180608/encrypt',
      body: `{"keyId":"${absentKey}","plaintext":"aGVsbG8="}`,
    },
  ]
  const originals = (Object.keys(dialects) as DialectName[]).flatMap((dialect) =>
    [...signers, session].flatMap((signer) => asked.map((each) => signedForm(dialect, signer, each, now))),
  )
  const functions: Readonly<Record<FunctionName, HttpFunction>> = {
    vault: vaultFunction(a.runtime),
    keys: keysFunction(a.runtime),
    crypto: cryptoFunction(a.runtime),
    identity: identityFunction(a.runtime),
    audit: auditFunction(a.runtime),
  }
  return {
    originals,
    send: async ({ method, path, query, headers, body }) => {
      caller = undefined
      const { statusCode } = await functions[servingFunction(method, path)]({
        rawPath: path,
        rawQueryString: query,
        headers: { ...headers },
        body: body.toString('base64'),
        isBase64Encoded: true,
        requestContext: { http: { method, sourceIp: '127.0.0.1' } },
      })
      return { status: statusCode, caller }
    },
    close: () => {
      cloud.close()
    },
  }

  async function newUser(name: string): Promise<Signing> {
    const { body } = await cloud.call(a, 'POST', '/20160918/users', {
      compartmentId: tenancyId,
      name,
      description: 'd',
    })
    const userId = String(body['id'])
    const { privateKey, publicPem } = newPair()
    await cloud.call(a, 'POST', `/20160918/users/${userId}/apiKeys`, { key: publicPem })
    return { keyId: `${tenancyId}/${userId}/${fingerprint(createPublicKey(publicPem))}`, privateKey }
  }

  async function sessionOf(signer: Signing): Promise<Signing> {
    const { privateKey, publicPem } = newPair()
    const path = '/20160918/sessionTokens'
    const body = JSON.stringify({ publicKey: publicPem })
    const sent = signedForm('go', signer, { method: 'POST', host: 'region', path, body }, clock.now)
    const answer = await identityFunction(a.runtime)({
      rawPath: path,
      rawQueryString: '',
      headers: { ...sent.headers },
      body,
      isBase64Encoded: false,
      requestContext: { http: { method: 'POST', sourceIp: '127.0.0.1' } },
    })
    return { keyId: `ST$${String((JSON.parse(answer.body) as Record<string, unknown>)['token'])}`, privateKey }
  }
}

function newPair(): { privateKey: KeyObject; publicPem: string } {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return { privateKey: createPrivateKey(pair.privateKey), publicPem: pair.publicKey }
}
