import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { authenticate, type Caller } from '../lib/http/authenticate.ts'
import type { WireRequest } from '../lib/http/wireRequest.ts'
import { fingerprint } from '../lib/iam/signature/fingerprint.ts'
import { isAllowed } from '../lib/iam/policy.ts'
import { prepareRules } from '../lib/iam/rulesOf.ts'
import { identitySk, type NewIdentityRow } from '../lib/kms/identity/identityRows.ts'
import { appendIdentity } from '../lib/kms/identity/identityLog.ts'
import { headSeq } from '../lib/kms/identity/verifyIdentity.ts'
import { sessionToken } from '../lib/kms/identity/sessionToken.ts'
import { newOcid } from '../lib/ocid.ts'
import { twoRegions, type TestCloud } from '../test/harness/twoRegions.ts'
import { signedRequest } from './signedRequest.ts'
import { medianOf } from './percentile.ts'

const users = 10_000
const groups = 1_000
const statementsAPolicy = 50
const atOnce = 90
/** A policy of 50 statements is a large row, and an entry of the log has a limit. */
const policiesAtOnce = 10
const rounds = 12
const callsARound = 400

interface User {
  readonly keyId: string
  readonly groupId: string
}

/** One pair for all: who signs is told by the keyId. */
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string
const print = fingerprint(pair.publicKey)

/** What a request costs to be judged, whatever else the tenancy holds; how soon a change counts. */
export async function benchIdentity(): Promise<void> {
  const cloud = await twoRegions()
  console.log(`\nIdentity: ${users} users in ${groups} groups; µs of processor time a call, least of ${rounds} rounds`)
  const people = await populate(cloud)
  const bare = bareVerify()
  console.log(`  a bare RSA verify                                ${shown(bare)}`)
  const costs: number[] = []
  let statements = 0
  for (const wanted of [1, 100, 10_000]) {
    await addStatements(cloud, people, statements, wanted)
    statements = wanted
    const cost = await judged(cloud, people)
    costs.push(cost)
    console.log(`  signature and policy, ${String(wanted).padStart(6)} statements            ${shown(cost)}`)
  }
  const spread = (Math.max(...costs) / Math.min(...costs) - 1) * 100
  console.log(`  between the sizes: ${spread.toFixed(0)} % (goal: 10 %)`)
  await tokens(cloud, people)
  await afterChange(cloud, people)
  cloud.close()
}

const shown = (value: number) => value.toFixed(1).padStart(8)

async function append(cloud: TestCloud, puts: readonly NewIdentityRow[], many = atOnce): Promise<void> {
  const { runtime } = cloud.a
  for (let from = 0; from < puts.length; from += many) {
    const after = await headSeq(runtime, cloud.tenancyId)
    await appendIdentity(runtime, cloud.tenancyId, { after, puts: puts.slice(from, from + many) })
  }
}

async function populate(cloud: TestCloud): Promise<readonly User[]> {
  const groupIds = Array.from({ length: groups }, () => newOcid(randomBytes, 'group'))
  const made = Array.from({ length: users }, (_, index) => {
    const userId = newOcid(randomBytes, 'user')
    const groupId = groupIds[index % groups] ?? ''
    const rows: NewIdentityRow[] = [
      { sk: identitySk.user(userId), kind: 'user', id: userId, name: `user${index}` },
      { sk: identitySk.membership(userId, groupId), kind: 'membership', userId, groupId },
      { sk: identitySk.apiKey(userId, print), kind: 'apiKey', userId, fingerprint: print, publicKey: pem },
    ]
    return { user: { keyId: `${cloud.tenancyId}/${userId}/${print}`, groupId }, rows }
  })
  const ofGroups = groupIds.map((id, index): NewIdentityRow => {
    return { sk: identitySk.group(id), kind: 'group', id, name: `group${index}` }
  })
  await append(cloud, [...ofGroups, ...made.flatMap(({ rows }) => rows)])
  return made.map(({ user }) => user)
}

async function addStatements(cloud: TestCloud, people: readonly User[], from: number, to: number): Promise<void> {
  const rows: NewIdentityRow[] = []
  for (let first = from; first < to; first += statementsAPolicy) {
    const id = newOcid(randomBytes, 'policy')
    const count = Math.min(statementsAPolicy, to - first)
    const statements = Array.from({ length: count }, (_, index) => {
      const { groupId = '' } = people[(first + index) % groups] ?? {}
      return `Allow group id ${groupId} to use keys in tenancy where request.operation = 'Encrypt'`
    })
    const dates = { versionDate: null, timeCreated: new Date().toISOString(), etag: 'e' }
    const place = { compartmentId: cloud.tenancyId, name: `policy${first}`, description: 'd' }
    const bound = { compartments: [], groups: [] }
    rows.push({
      sk: identitySk.policy(id),
      kind: 'policy',
      id,
      ...place,
      statements,
      bound,
      ...dates,
      freeformTags: {},
      definedTags: {},
    })
  }
  await append(cloud, rows, policiesAtOnce)
}

function bareVerify(): number {
  const text = Buffer.from('x'.repeat(300))
  const signature = sign('sha256', text, pair.privateKey)
  return perCall(() => verify('sha256', text, pair.publicKey, signature))
}

function perCall(call: () => unknown): number {
  const times = Array.from({ length: rounds }, () => {
    const began = process.cpuUsage()
    for (let index = 0; index < callsARound; index += 1) call()
    return microsSince(began)
  })
  return Math.min(...times)
}

/** Whatever else this machine does meanwhile. */
function microsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began)
  return (user + system) / callsARound
}

const maySomething = (cloud: TestCloud, { policies, tree, principal }: Caller) =>
  isAllowed(policies, tree, principal, {
    permissions: ['KEY_ENCRYPT'],
    compartmentId: cloud.tenancyId,
    operation: 'Encrypt',
    region: 'us-ashburn-1',
    now: cloud.clock.now,
    variables: { 'target.key.id': 'ocid1.key.oc1..a' },
  })

async function perRequest(cloud: TestCloud, requests: readonly WireRequest[]): Promise<number> {
  const times: number[] = []
  // The first round makes what is made once.
  for (let round = 0; round <= rounds; round += 1) {
    const time = await oneRound(cloud, requests)
    if (round > 0) times.push(time)
  }
  return Math.min(...times)
}

async function oneRound(cloud: TestCloud, requests: readonly WireRequest[]): Promise<number> {
  const { runtime } = cloud.a
  const began = process.cpuUsage()
  for (let index = 0; index < callsARound; index += 1) {
    const request = requests[index % requests.length]
    if (request !== undefined) maySomething(cloud, await authenticate(runtime, request, cloud.clock.now))
  }
  return microsSince(began)
}

function judged(cloud: TestCloud, people: readonly User[]): Promise<number> {
  const some = people.slice(0, 20)
  return perRequest(
    cloud,
    some.map(({ keyId }) =>
      signedRequest({ keyId, privateKey: pair.privateKey, now: cloud.clock.now }, '/20160918/regions'),
    ),
  )
}

async function tokens(cloud: TestCloud, [user]: readonly User[]): Promise<void> {
  if (user === undefined) return
  const [, sub = ''] = user.keyId.split('/')
  const now = cloud.clock.now
  const iat = Math.floor(now / 1000)
  const token = await sessionToken(cloud.a.hsm, {
    tenant: cloud.tenancyId,
    sub,
    jti: 'j',
    iat,
    exp: iat + 3600,
    publicKey: createPublicKey(pem),
    holder: { kind: 'user', fingerprint: print },
  })
  const path = '/20160918/regions'
  const [byKey, byToken] = [user.keyId, `ST$${token}`].map((keyId) => ({
    requests: [signedRequest({ keyId, privateKey: pair.privateKey, now }, path)],
    least: Infinity,
  }))
  // By turns, so that whatever else this machine does meets both.
  for (let round = 0; round <= 4 * rounds; round += 1) {
    for (const each of [byKey, byToken]) {
      if (each === undefined) continue
      const time = await oneRound(cloud, each.requests)
      if (round > 0) each.least = Math.min(each.least, time)
    }
  }
  console.log(`  one user, by an API key                          ${shown(byKey?.least ?? NaN)}`)
  console.log(
    `  one user, by a session token, in turn with it    ${shown(byToken?.least ?? NaN)} (goal: no more than the key's)`,
  )
}

/** A policy is added; then what the next request waits for, and what it costs once that is there. */
async function afterChange(cloud: TestCloud, people: readonly User[]): Promise<void> {
  const [user] = people
  if (user === undefined) return
  const { runtime } = cloud.a
  const request = signedRequest(
    { keyId: user.keyId, privateKey: pair.privateKey, now: cloud.clock.now },
    '/20160918/regions',
  )
  const writes: number[] = []
  const makes: number[] = []
  const waits: number[] = []
  for (let round = 0; round < 7; round += 1) {
    const before = await runtime.identity.tenancy(cloud.tenancyId)
    const began = process.cpuUsage()
    await addStatements(cloud, people, 20_000 + round, 20_001 + round)
    writes.push((microsSince(began) * callsARound) / 1000)
    runtime.identity.invalidate(cloud.tenancyId)
    const changed = process.cpuUsage()
    prepareRules(await runtime.identity.tenancy(cloud.tenancyId), cloud.tenancyId, before)
    makes.push((microsSince(changed) * callsARound) / 1000)
    const asked = process.cpuUsage()
    maySomething(cloud, await authenticate(runtime, request, cloud.clock.now))
    waits.push((microsSince(asked) * callsARound) / 1000)
  }
  console.log(
    `  a change with 10,000 statements: its own write ${medianOf(writes).toFixed(1)} ms, rules ready ${medianOf(makes).toFixed(1)} ms later (goal: 50 ms), and the next request, which makes none, ${medianOf(waits).toFixed(1)} ms`,
  )
}
