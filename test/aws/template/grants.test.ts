import { grants, type DeployedFunction, type Grants } from '../../../deploy/grants.ts'
import { bodyOf } from '../../harness/deliveries.ts'
import { regionB, twoRegions, type TestCloud } from '../../harness/twoRegions.ts'
import {
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeReplicatedVault,
  makeVault,
} from '../../harness/vaultStory.ts'
import { putBackAndRecover } from '../harness/putBackAndRecover.ts'
import { recordUses, runAs, type Use } from '../harness/recordUses.ts'
import { restOfALife } from '../harness/restOfALife.ts'

/** On, so that what they read and write counts; high, so that they refuse nothing. */
const rateLimits = { PW: 1e6, PR: 1e6, MW: 1e6, MR: 1e6 }
const serviceLimits = {
  virtualVaults: 1e6,
  privateVaults: 1e6,
  versionsPerVirtualVault: 1e6,
  versionsPerPrivateVault: 1e6,
}

/** Each function's uses of its ports, in the words of the grants; provisioning has a test of its own. */
const used = new Map<DeployedFunction, Set<string>>()

beforeAll(async () => {
  const uses: Use[] = []
  for (const isStrict of [false, true]) {
    const cloud = await twoRegions({ isStrict, isUnderKms: true, preparesKeys: true, rateLimits, serviceLimits })
    try {
      const recorded = recordUses(cloud)
      await story(cloud)
      uses.push(...recorded)
    } finally {
      cloud.close()
    }
  }
  for (const use of uses) {
    const of = used.get(use.by) ?? new Set()
    used.set(use.by, of)
    of.add(describeUse(use))
  }
})

function describeUse(use: Use): string {
  if (use.use === 'send') return `send to ${use.to === use.region ? 'own' : 'peer'} ${use.queue}`
  if (use.use === 'backup') return `backup ${use.action}`
  if (use.use === 'keks') return `${use.action} KEKs`
  return `${use.table} ${use.use}`
}

function granted(name: DeployedFunction): readonly string[] {
  const { tables, sends, keks = [], backups = [] }: Grants = grants[name]
  return [
    ...Object.entries(tables).flatMap(([table, uses]) => uses.map((use) => `${table} ${use}`)),
    ...keks.map((use) => `${use} KEKs`),
    ...backups.map((use) => `backup ${use}`),
    ...(sends?.own ?? []).map((queue) => `send to own ${queue}`),
    ...(sends?.peers ?? []).map((queue) => `send to peer ${queue}`),
  ]
}

/** Every operation, and what fails between regions. */
async function story(cloud: TestCloud): Promise<void> {
  const { a, b, tenancyId, call, link } = cloud
  const vaultId = await makeReplicatedVault(cloud)
  // A vault that has keys before it has a replica: they are copied.
  const filled = await makeVault(cloud)
  await makeKey(cloud, filled, { retryToken: 'before' })
  await createReplica(cloud, filled)
  await cloud.settle()
  const at = { host: vaultId }
  const first = await makeKey(cloud, vaultId, { retryToken: 'first' })
  const keyId = String(first.body['id'])
  const key = `/20180608/keys/${keyId}`
  const ciphertext = await encrypt(cloud, a, vaultId, keyId)
  await decrypt(cloud, b, vaultId, keyId, ciphertext)
  await call(
    a,
    'PUT',
    `/20180608/vaults/${vaultId}`,
    { displayName: 'renamed' },
    { headers: { 'opc-retry-token': 'v' } },
  )
  await call(a, 'POST', `${key}/keyVersions`, {}, at)
  await call(a, 'GET', `${key}/keyVersions`, undefined, at)
  const { replicationId } = first.body['replicaDetails'] as { replicationId: string }
  await call(a, 'GET', `/20180608/replicaOperations/${replicationId}/status`, undefined, at)
  const policy = {
    compartmentId: tenancyId,
    name: 'p',
    description: 'd',
    statements: ['Allow group Administrators to read vaults in tenancy'],
  }
  const made = await call(a, 'POST', '/20160918/policies', policy, { headers: { 'opc-retry-token': 'p' } })
  await call(a, 'DELETE', `/20160918/policies/${String(made.body['id'])}`)
  const day = new Date(cloud.clock.now).toISOString().slice(0, 11)
  const span = `startTime=${day}00:00:00Z&endTime=${day}23:59:59Z`
  const reads = [
    () => call(a, 'GET', `/20190901/auditEvents?compartmentId=${tenancyId}&${span}`),
    () => call(a, 'GET', `/20160918/policies?compartmentId=${tenancyId}`),
    () => call(a, 'GET', `/20180608/vaults?compartmentId=${tenancyId}`),
    () => call(a, 'GET', `/20180608/keys?compartmentId=${tenancyId}`, undefined, at),
    () => encrypt(cloud, a, vaultId, keyId),
  ]
  // Each is the first to read the identity after a change.
  for (const [index, read] of reads.entries()) {
    await call(a, 'POST', '/20160918/policies', { ...policy, name: `p${index}` })
    await read()
  }
  await cloud.settle()
  await whileCut(cloud, async () => {
    await makeKey(cloud, vaultId)
    await call(a, 'POST', `${key}/actions/disable`, undefined, at)
    await call(a, 'POST', '/20160918/policies', { ...policy, name: 'q' })
    await createReplica(cloud, await makeVault(cloud))
    await cloud.settle(3)
  })
  // Answers that cannot be sent wait in the outbox, and so does the next word of a link.
  await call(a, 'POST', `${key}/actions/enable`, undefined, at)
  await createReplica(cloud, await makeVault(cloud))
  await whileCut(cloud, () => cloud.settle(4))
  const [lost] = link.sent.filter(({ to, body }) => to === regionB && body.includes(keyId)).slice(-1)
  if (lost !== undefined) await b.store.queues.send(lost.queue, [{ body: lost.body }])
  await cloud.settle()
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  // It comes again when nothing is left: what has no digests is looked for in the listing.
  const purge = link.sent.findLast(({ to, body }) => to === regionB && bodyOf(body).kind === 'purge')
  if (purge === undefined) throw new Error('The replica was not purged.')
  await b.store.queues.send(purge.queue, [{ body: purge.body }])
  await cloud.settle()
  await a.chain.seal()
  await restOfALife(cloud)
  // Its backup keys cross when its identity has.
  await cloud.addTenancy()
  await cloud.settle()
  await putBackAndRecover(cloud, (work) => runAs('recover', work))
}

async function whileCut({ link, settle }: TestCloud, work: () => Promise<void>): Promise<void> {
  link.isUp = false
  await work()
  link.isUp = true
  await settle()
}

const functions = (Object.keys(grants) as DeployedFunction[]).filter((name) => name !== 'provision')

test.each(functions)('the role of %s allows everything that the function does', (name) => {
  expect([...(used.get(name) ?? [])].filter((each) => !granted(name).includes(each))).toEqual([])
})

/** What only a rare meeting of two functions brings about; each has its line of code. */
const rare: Partial<Record<DeployedFunction, readonly string[]>> = {
  // linkSource: a key that a crash left open; what a gap lacks.
  outcome: ['Vaults check', 'Keys list', 'Keys put', 'Identity query', 'send to own outbox'],
  // purge.purgeKeys: a replica of more than 25 keys; compare: a vault that 0.1.0 replicated.
  apply: ['Identity query', 'send to own inbox'],
  // tenancyState: here all functions share one process; an instance that has read nothing yet reads all rows.
  vault: ['Identity query'],
  keys: ['Identity query'],
  audit: ['Identity query'],
  // As in fanOut, whose work it does, and a peer that goes away meanwhile; adoptKeys in vaults of 0.1.0.
  reconcile: ['Vaults check', 'Keys list', 'Keys put', 'send to own outbox'],
  // replicateAnew: where the peer cannot be reached.
  recover: ['send to own outbox'],
}

test.each(functions)('the role of %s allows nothing that the function never does', (name) => {
  expect(granted(name).filter((each) => used.get(name)?.has(each) !== true)).toEqual(rare[name] ?? [])
})
