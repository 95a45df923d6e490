import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { cryptoFunction } from '../handlers/crypto/cryptoFunction.ts'
import { identityFunction } from '../handlers/identity/identityFunction.ts'
import { keysFunction } from '../handlers/keys/keysFunction.ts'
import { vaultFunction } from '../handlers/vault/vaultFunction.ts'
import type { HttpFunction } from '../lib/http/httpFunction.ts'
import { fingerprint } from '../lib/iam/signature/fingerprint.ts'
import { appendIdentity } from '../lib/kms/identity/identityLog.ts'
import { identitySk } from '../lib/kms/identity/identityRows.ts'
import { headSeq } from '../lib/kms/identity/verifyIdentity.ts'
import { newOcid } from '../lib/ocid.ts'
import { regionA, twoRegions, type TestCloud } from '../test/harness/twoRegions.ts'
import { makeKey, makeVault } from '../test/harness/vaultStory.ts'
import { medianOf } from './percentile.ts'
import { signedRequest } from './signedRequest.ts'

const samples = 10_000
const unmeasured = 500

interface Signer {
  readonly keyId: string
  readonly privateKey: KeyObject
}

/** A call that is refused, of what is there and of what is not. */
interface Refused {
  readonly name: string
  readonly answer: HttpFunction
  readonly host?: string
  readonly there: string
  readonly absent: string
  readonly path: (id: string) => string
  readonly body?: (id: string) => string
}

/** A user to whom nothing is granted asks for what is there and for what is not, in turns. */
export async function benchRefusals(): Promise<void> {
  const cloud = await twoRegions({ keyCacheMs: 60_000 })
  const user = await addNobody(cloud)
  console.log(`\nRefusals: forbidden beside absent, ${samples} a side; of the middle 90 %`)
  for (const refused of await refusals(cloud)) {
    const { forbidden, absent } = await measured(cloud, user, refused)
    const [a, b] = [trimmed(forbidden), trimmed(absent)]
    const difference = medianOf(a) - medianOf(b)
    console.log(
      `  ${refused.name.padEnd(9)} medians ${shown(medianOf(a))} and ${shown(medianOf(b))} µs (${difference.toFixed(2)}), Welch's t ${welch(a, b).toFixed(1)}, Mann-Whitney's z ${mannWhitney(a, b).toFixed(1)}`,
    )
  }
  console.log('  |t| and |z| below 4.5: not told apart')
  cloud.close()
}

async function addNobody({ a: { runtime }, tenancyId }: TestCloud): Promise<Signer> {
  const id = newOcid(randomBytes, 'user')
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const print = fingerprint(publicKey)
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  await appendIdentity(runtime, tenancyId, {
    after: await headSeq(runtime, tenancyId),
    puts: [
      { sk: identitySk.user(id), kind: 'user', id, name: 'nobody' },
      { sk: identitySk.apiKey(id, print), kind: 'apiKey', userId: id, fingerprint: print, publicKey: pem },
    ],
  })
  return { keyId: `${tenancyId}/${id}/${print}`, privateKey }
}

async function refusals({ a, call, tenancyId, ...cloud }: TestCloud): Promise<readonly Refused[]> {
  const vaultId = await makeVault({ a, call, tenancyId, ...cloud })
  const keyId = String((await makeKey({ a, call, tenancyId, ...cloud }, vaultId)).body['id'])
  const [, , , , vaultPrefix = ''] = vaultId.split('.')
  const place = { region: regionA, vaultPrefix }
  const details = { compartmentId: tenancyId, name: 'bench', description: 'd' }
  const { body } = await call(a, 'POST', '/20160918/users', details)
  const key = { there: keyId, absent: newOcid(randomBytes, 'key', place), host: vaultId }
  return [
    {
      name: 'GetVault',
      answer: vaultFunction(a.runtime),
      there: vaultId,
      absent: newOcid(randomBytes, 'vault', place),
      path: (id) => `/20180608/vaults/${id}`,
    },
    { name: 'GetKey', answer: keysFunction(a.runtime), ...key, path: (id) => `/20180608/keys/${id}` },
    {
      name: 'Encrypt',
      answer: cryptoFunction(a.runtime),
      ...key,
      path: () => '/20180608/encrypt',
      body: (id) => JSON.stringify({ keyId: id, plaintext: 'aGk=' }),
    },
    {
      name: 'GetUser',
      answer: identityFunction(a.runtime),
      there: String(body['id']),
      absent: newOcid(randomBytes, 'user'),
      path: (id) => `/20160918/users/${id}`,
    },
  ]
}

async function measured(
  { clock }: TestCloud,
  user: Signer,
  { answer, there, absent, path, body, host }: Refused,
): Promise<{ forbidden: readonly number[]; absent: readonly number[] }> {
  const ask = async (id: string): Promise<number> => {
    const about = { ...(body && { body: body(id) }), ...(host === undefined ? {} : { host }) }
    const request = signedRequest({ ...user, now: clock.now }, path(id), about)
    const { method, rawPath, rawQuery, headers } = request
    const event = {
      rawPath,
      rawQueryString: rawQuery,
      headers: { ...headers } as Record<string, string>,
      body: request.body.toString('base64'),
      isBase64Encoded: true,
      requestContext: { http: { method, sourceIp: '127.0.0.1' } },
    }
    const began = process.hrtime.bigint()
    const { statusCode } = await answer(event)
    const took = Number(process.hrtime.bigint() - began) / 1000
    if (statusCode !== 404) throw new Error(`${rawPath} is answered ${statusCode}.`)
    return took
  }
  const times: { forbidden: number[]; absent: number[] } = { forbidden: [], absent: [] }
  for (let index = -unmeasured; index < samples; index += 1) {
    // Whose turn is first is not the same each time.
    const isFirst = createHash('sha256').update(String(index)).digest().readUInt8(0) < 128
    for (const isThere of [isFirst, !isFirst]) {
      const took = await ask(isThere ? there : absent)
      if (index >= 0) times[isThere ? 'forbidden' : 'absent'].push(took)
    }
  }
  return times
}

const shown = (value: number) => value.toFixed(1).padStart(6)

/** Without the slowest and fastest twentieth, which are the machine's. */
function trimmed(times: readonly number[]): readonly number[] {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted.slice(Math.floor(sorted.length / 20), Math.ceil((sorted.length * 19) / 20))
}

function welch(a: readonly number[], b: readonly number[]): number {
  const [of, other] = [momentsOf(a), momentsOf(b)]
  return (of.mean - other.mean) / Math.sqrt(of.variance / a.length + other.variance / b.length)
}

function momentsOf(times: readonly number[]): { mean: number; variance: number } {
  const mean = times.reduce((sum, each) => sum + each, 0) / times.length
  const variance = times.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (times.length - 1)
  return { mean, variance }
}

/** By ranks; equal times, which a clock of nanoseconds has few of, rank as they come. */
function mannWhitney(a: readonly number[], b: readonly number[]): number {
  const ranked = [...a.map((time) => ({ time, isOfA: true })), ...b.map((time) => ({ time, isOfA: false }))]
  ranked.sort((one, other) => one.time - other.time)
  const ranks = ranked.reduce((sum, { isOfA }, index) => (isOfA ? sum + index + 1 : sum), 0)
  const u = ranks - (a.length * (a.length + 1)) / 2
  const [n, m] = [a.length, b.length]
  return (u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12)
}
