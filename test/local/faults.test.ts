import type { Clock } from '../../lib/ports.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { healthy } from './healthy.ts'
import { until } from '../harness/until.ts'
import { callerOf, type SignedCaller } from './signedCaller.ts'
import { suiteBase } from './suiteBase.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate, type MadeVault } from './vaultSteps.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

interface Story {
  readonly cloud: Cloud
  readonly call: SignedCaller
  readonly source: string
  readonly vault: MadeVault
  readonly replica: string
}

/** A vault in the first region with its replica in the second. */
async function withStory(
  { clock = Date.now, ...settings }: NonNullable<Parameters<typeof startCloud>[0]['settings']> & { clock?: Clock },
  body: (story: Story) => Promise<void>,
): Promise<void> {
  const cloud = await startCloud({
    directory: ':memory:',
    port: await suiteBase(),
    generateRsa: knownRsaPair,
    clock,
    settings: { requiresServicePolicy: false, ...noHurry, ...settings },
  })
  try {
    const call = callerOf(cloud)
    const source = cloud.regions[0]?.endpoint ?? ''
    const vault = await createVault(call, source, cloud.tenancyId)
    const replica = await replicate(call, source, vault, phoenix)
    // On a busy machine its own hand-off may have taken longer than its budget: nothing of it is at risk when the body begins.
    await until(async () => (await healthOf(source)).links[0]?.atRisk === 0)
    await body({ cloud, call, source, vault, replica })
  } finally {
    await cloud.close()
  }
}

interface Health {
  readonly links: readonly {
    readonly atRisk: number
    readonly behind: number
    readonly lagMs: { readonly last: number }
  }[]
  readonly queues: { readonly outbox: number; readonly deadLetters: number }
}

async function healthOf(endpoint: string): Promise<Health> {
  return (await (await fetch(`${endpoint}/healthz`)).json()) as Health
}

test('a region that is cut off refuses connections, its replica decrypts, and after the heal it answers again', () =>
  withStory({}, async ({ cloud, call, source, vault, replica }) => {
    const keyId = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    await cloud.idle()
    await cloud.faults.cut(ashburn)
    await expect(fetch(`${source}/healthz`)).rejects.toThrow()
    await expect(fetch(`${vault.endpoint}/healthz`)).rejects.toThrow()
    expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
    expect(cloud.faults.describe()).toBe('us-ashburn-1 is cut off')
    await cloud.faults.heal()
    expect(await decrypt(call, vault.endpoint, keyId, ciphertext)).toBe(plaintext)
    expect(cloud.faults.describe()).toBe('all regions are up')
  }))

test('changes made while the replica is cut off are at risk, and arrive after the heal without their next try', () => {
  // From the cut on the clock stands still, so that no waiting time ends but by the heal.
  let stoppedAt: number | undefined
  const clock = () => stoppedAt ?? Date.now()
  return withStory({ clock }, async ({ cloud, call, source, vault, replica }) => {
    await cloud.idle()
    stoppedAt = Date.now()
    await cloud.faults.cut(phoenix)
    const keyId = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    await until(async () => (await healthOf(source)).queues.outbox > 0)
    expect((await healthOf(source)).links[0]?.atRisk).toBe(1)
    expect(await healthOf(source)).toMatchObject({ status: 'degraded', notAnswering: [phoenix] })
    await cloud.faults.heal()
    expect(await healthy(source)).toMatchObject({ notAnswering: [] })
    await until(async () => (await healthOf(source)).links[0]?.atRisk === 0)
    expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
    // Heads of the audit, which no change of a key is, may wait for a time of their own.
    stoppedAt = undefined
    await until(async () => (await healthOf(source)).queues.outbox === 0)
    expect((await healthOf(source)).queues.deadLetters).toBe(0)
  })
})

test('whoever asks unsigned learns how many vaults are behind, and not which', () => {
  let lateMs = 0
  const clock = () => Date.now() + lateMs
  return withStory({ clock }, async ({ cloud, call, source, vault }) => {
    await cloud.idle()
    expect((await healthOf(source)).links).toMatchObject([{ peer: phoenix, vaults: 1, behind: 0 }])
    await cloud.faults.cut(phoenix)
    await createKey(call, vault, cloud.tenancyId)
    expect((await healthOf(source)).links).toMatchObject([{ vaults: 1, behind: 0 }])
    lateMs = 61_000
    expect((await healthOf(source)).links).toMatchObject([{ vaults: 1, behind: 1 }])
    expect(JSON.stringify(await healthOf(source))).not.toContain('ocid1.')
    await cloud.faults.heal()
    await until(async () => (await healthOf(source)).links[0]?.behind === 0)
  })
})

test('a region that hangs takes requests and answers none, until it is healed; the other serves, at risk', () =>
  withStory({ handOffBudgetMs: 50 }, async ({ cloud, call, source, vault, replica }) => {
    await cloud.faults.break(phoenix, 'hang')
    expect(cloud.faults.describe()).toBe('us-phoenix-1 hangs')
    let isAnswered = false
    const asked = fetch(`${replica}/healthz`).then(() => {
      isAnswered = true
    })
    const keyId = await createKey(call, vault, cloud.tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    expect((await healthOf(source)).links[0]?.atRisk).toBe(1)
    expect(isAnswered).toBe(false)
    await cloud.faults.heal()
    await expect(asked).rejects.toThrow()
    await until(async () => (await healthOf(source)).links[0]?.atRisk === 0)
    expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
  }))

test('a region that refuses answers 503 as the contract has it, to callers and to the other region', () =>
  withStory({}, async ({ cloud, call, source, vault, replica }) => {
    await cloud.faults.break(phoenix, 'refuse')
    expect(await call('GET', `${replica}/20180608/keys?compartmentId=${cloud.tenancyId}`)).toMatchObject({
      status: 503,
      body: { code: 'ServiceUnavailable' },
    })
    await createKey(call, vault, cloud.tenancyId)
    expect(await healthOf(source)).toMatchObject({ status: 'degraded', notAnswering: [phoenix] })
    await cloud.faults.heal()
    await healthy(source)
  }))

test('the clock goes on for all regions, and what is due by then is done; who signs by a real clock still signs in', () =>
  withStory({}, async ({ cloud, call, vault, replica }) => {
    const keyId = await createKey(call, vault, cloud.tenancyId)
    const timeOfDeletion = new Date(Date.now() + 7.5 * 86_400_000).toISOString()
    const path = `/20180608/keys/${keyId}`
    expect(await call('POST', `${vault.endpoint}${path}/actions/scheduleDeletion`, { timeOfDeletion })).toMatchObject({
      status: 200,
      body: { lifecycleState: 'PENDING_DELETION' },
    })
    await cloud.faults.advance(8 * 86_400_000)
    expect(cloud.faults.describe()).toBe('the clock is 691200 s ahead')
    for (const endpoint of [vault.endpoint, replica]) {
      await until(async () => (await call('GET', endpoint + path)).body['lifecycleState'] === 'DELETED')
    }
  }))

test('strict refuses what it cannot hand off', () =>
  withStory({ replicationAck: 'strict' }, async ({ cloud, call, vault }) => {
    await cloud.faults.cut(phoenix)
    const path = `${vault.endpoint}/20180608/keys`
    const body = {
      compartmentId: cloud.tenancyId,
      displayName: 'key',
      keyShape: { algorithm: 'AES', length: 32 },
      protectionMode: 'HSM',
    }
    expect(await call('POST', path, body)).toMatchObject({ status: 503, body: { code: 'ServiceUnavailable' } })
  }))

test('a slow link delays the answer of a change by its delay, and shows in the lag', () =>
  withStory({}, async ({ cloud, call, source, vault }) => {
    cloud.faults.slow(ashburn, phoenix, 80)
    const sentAt = performance.now()
    await createKey(call, vault, cloud.tenancyId)
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(79)
    // There and back.
    await until(async () => ((await healthOf(source)).links[0]?.lagMs.last ?? 0) >= 159)
    expect(cloud.faults.describe()).toBe('us-ashburn-1 – us-phoenix-1 takes 80 ms')
  }))

test('a vault can be replicated to a region that is cut off: its endpoint is known, and answers after the heal', () =>
  withStory({}, async ({ cloud, call, source }) => {
    const vault = await createVault(call, source, cloud.tenancyId)
    await cloud.faults.cut(phoenix)
    const made = replicate(call, source, vault, phoenix)
    const listed = async () => (await call('GET', `${source}/20180608/vaults/${vault.id}/actions/listReplicas`)).list
    await until(async () => (await listed()).length === 1)
    const [inWork] = await listed()
    expect(inWork).toMatchObject({ status: 'CREATING', region: phoenix })
    await expect(fetch(`${String(inWork?.['cryptoEndpoint'])}/healthz`)).rejects.toThrow()
    await cloud.faults.heal()
    expect((await fetch(`${await made}/healthz`)).status).toBe(200)
  }))

test('healing leaves the connections of a region alone that was never cut off', () =>
  withStory({}, async ({ cloud, source }) => {
    cloud.faults.slow(ashburn, phoenix, 10)
    const answers = Array.from({ length: 50 }, () => fetch(`${source}/healthz`))
    await cloud.faults.heal()
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
  }))

test('a fault names a region that there is', () =>
  withStory({}, async ({ cloud }) => {
    await expect(cloud.faults.cut('us-nowhere-1')).rejects.toThrow(
      'There is no region us-nowhere-1; there are us-ashburn-1, us-phoenix-1.',
    )
  }))
