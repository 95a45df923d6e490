import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StuckReplica } from '../../lib/replication/stuckReplicas.ts'
import type { CustodyTrouble } from '../../local/hsm/custody.ts'
import type { RegionHealth } from '../../local/region/regionHealth.ts'
import { regionsCheck } from '../../local/doctor/serviceChecks.ts'
import { Faults, nothingBroken } from '../../local/region/faults.ts'
import { cloudStatus, type CloudStatus } from '../../local/status/cloudStatus.ts'
import { areAllServing, statusText } from '../../local/status/statusText.ts'
import { until } from '../harness/until.ts'
import { freeBase } from './freePorts.ts'
import { callerByProfile } from './signedCaller.ts'
import { isReady, run, startProcess, withDirectory } from './startedService.ts'
import { createKey, createVault, replicate } from './vaultSteps.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

type Ask = (...flags: string[]) => ReturnType<typeof run>

/** Asks until all of this is said: of a region that is slow to answer on a busy machine it says that it is degraded or down. */
async function saying(ask: Ask, flags: readonly string[], ...patterns: readonly RegExp[]) {
  let answer: Awaited<ReturnType<Ask>> = { code: '', out: '', err: '' }
  const isSaid = async () => {
    answer = await ask(...flags)
    return patterns.every((pattern) => pattern.test(answer.out))
  }
  await until(isSaid, () => answer)
  return answer
}

/** A service with a vault and its replica, and what `status` says of it. */
async function withService(body: (ask: Ask, data: string) => Promise<void>) {
  await withDirectory(async (directory) => {
    const data = join(directory, 'data')
    const environment = { REQUIRE_SERVICE_POLICY: 'off', PREPARE_KEYS: 'off' }
    const flags = ['start', '--data', data, '--port', String(await freeBase())]
    const service = startProcess('local/main.ts', flags, environment)
    await isReady(service)
    const call = callerByProfile(data)
    const { tenancyId, regions } = JSON.parse(readFileSync(join(data, 'endpoints.json'), 'utf8')) as CloudStatus
    const vault = await createVault(call, regions[0]?.endpoint ?? '', tenancyId)
    await replicate(call, regions[0]?.endpoint ?? '', vault, phoenix)
    await body((...words) => run('local/main.ts', ['status', '--data', data, ...words]), data)
    await run('local/main.ts', ['faults', 'cut', phoenix, '--data', data])
    await createKey(call, vault, tenancyId)
    const cut = await saying(() => run('local/main.ts', ['status', '--data', data]), [], /at risk/, /broken/)
    expect(cut.out).toContain('us-phoenix-1 is cut off')
    expect(cut.code).toBe(1)
    expect(cut.out).toMatch(/us-phoenix-1 {2}broken {4}http:\S+\n {2}! is cut off, on purpose, until faults heal\n/)
    expect(cut.out).toContain('  ! us-phoenix-1 takes no messages')
    expect(cut.out).toMatch(/ {2}! \d+ changes? that us-phoenix-1 has not: at risk/)
    service.signal('SIGTERM')
    expect(await service.exited).toBe(0)
  })
}

test('status says how regions, vaults, links and queues are, for a person and for programs, and what is at risk', () =>
  withService(async (ask) => {
    const well = [/us-ashburn-1 {2}ok/, /us-phoenix-1 {2}ok/]
    const { code, out, err } = await saying(ask, [], ...well)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^Vaultspan \S+; all regions are up\n/)
    expect(out).toMatch(
      /us-ashburn-1 {2}ok {8}http:\S+ {3}home region\n {2}1 vault, 0 replicas\n {2}to us-phoenix-1: 1 vault, /,
    )
    expect(out).toMatch(/us-phoenix-1 {2}ok {8}http:\S+\n {2}0 vaults, 1 replica\n/)
    const inJson = await saying(ask, ['--json'], /"status": ?"ok"[^]*"status": ?"ok"/)
    const status = JSON.parse(inJson.out) as CloudStatus
    expect(status).toMatchObject({
      homeRegion: ashburn,
      regions: [
        { region: ashburn, status: 'ok', vaults: 1, replicas: 0, health: { links: [{ peer: phoenix, atRisk: 0 }] } },
        { region: phoenix, status: 'ok', vaults: 0, replicas: 1, health: { queues: { deadLetters: 0 } } },
      ],
    })
  }))

test('--watch goes on until it is ended, and ends with the service', () =>
  withService(async (_, data) => {
    const watch = startProcess('local/main.ts', ['status', '--data', data, '--watch', '--every', '0.05', '--json'])
    await watch.hasSaid('}\n{')
    watch.signal('SIGTERM')
    expect(await watch.exited).toBe('SIGTERM')
  }))

test('the first line says what the regions below it are', () => {
  const of = (region: string, status: 'ok' | 'degraded' | 'broken' | 'down') =>
    ({ region, status, endpoint: 'http://a', vaults: null, replicas: null, health: null }) as const
  const first = (faults: string, ...regions: readonly ReturnType<typeof of>[]) =>
    statusText({ version: '1', tenancyId: 't', homeRegion: ashburn, faults, regions }).split('\n')[0]
  expect(first(nothingBroken, of(ashburn, 'ok'), of(phoenix, 'ok'))).toBe('Vaultspan 1; all regions are up')
  expect(first(nothingBroken, of(ashburn, 'degraded'), of(phoenix, 'down'))).toBe(
    'Vaultspan 1; us-ashburn-1 is degraded; us-phoenix-1 is down',
  )
  expect(first('us-phoenix-1 hangs', of(ashburn, 'degraded'), of(phoenix, 'broken'))).toBe(
    'Vaultspan 1; us-phoenix-1 hangs; us-ashburn-1 is degraded',
  )
})

test('a region that does not answer is down, and the rest is told of the other', async () => {
  const up = {
    name: ashburn,
    health: async () => ({ status: 'ok' }) as RegionHealth,
    heldVaults: async () => ({ vaults: [], unverified: [], unopened: [] }),
    custody: async () => [],
    stuckReplicas: async () => [],
  }
  const down = { ...up, name: phoenix, health: () => Promise.reject(new Error('It is not running.')) }
  const cloud = { tenancyId: 't', homeRegion: ashburn, endpoints: [{ region: ashburn, endpoint: 'http://a' }] }
  expect(
    JSON.parse(await cloudStatus(cloud, [up, down], { describe: () => nothingBroken, brokenHow: () => undefined })),
  ).toMatchObject({
    regions: [
      { region: ashburn, status: 'ok', endpoint: 'http://a', vaults: 0 },
      { region: phoenix, status: 'down', vaults: null, health: null },
    ],
  })
})

/** Of a region that is well. */
const well = {
  status: 'ok',
  notAnswering: [],
  takesWrites: true,
  isHsmAnswering: true,
  queues: { inbox: 0, outbox: 0, deadLetters: 0 },
  links: [],
  audit: { lost: 0 },
} as unknown as RegionHealth

async function statusOf(
  health: RegionHealth,
  faults = new Faults([ashburn]),
  unverified: readonly string[] = [],
  custody: readonly CustodyTrouble[] = [],
  stuck: readonly StuckReplica[] = [],
): Promise<CloudStatus> {
  const host = {
    name: ashburn,
    health: async () => health,
    heldVaults: async () => ({ vaults: [], unverified, unopened: [] }),
    custody: async () => custody,
    stuckReplicas: async () => stuck,
  }
  const cloud = { tenancyId: 't', homeRegion: ashburn, endpoints: [{ region: ashburn, endpoint: 'http://a' }] }
  return JSON.parse(await cloudStatus(cloud, [host], faults)) as CloudStatus
}

test.each([
  ['a peer', { notAnswering: [phoenix] }, 'us-phoenix-1 takes no messages'],
  ['the disk', { takesWrites: false }, 'the disk takes no writes'],
  ['the HSM', { isHsmAnswering: false }, 'its HSM does not answer'],
  ['an older copy', { putBack: { missingChanges: 2, lostVaults: 1 } }, 'was put back to an older copy: 2 changes'],
])('whatever makes a region degraded is named by status and by doctor: %s', async (_, change, says) => {
  const status = await statusOf({ ...well, status: 'degraded', ...change } as RegionHealth)
  expect(statusText(status)).toContain(`\n  ! ${says}`)
  expect(regionsCheck({ data: 'd', status })).toMatchObject([
    { level: 'fail', says: expect.stringContaining(says) as unknown },
  ])
})

test('a vault that does not verify is named, and the region is not called dead for it', async () => {
  const status = await statusOf(well, new Faults([ashburn]), ['ocid1.vault.a'])
  expect(status.regions).toMatchObject([{ status: 'degraded', unverified: ['ocid1.vault.a'] }])
  expect(statusText(status)).toContain('\n  ! vault ocid1.vault.a does not verify: its rows were altered')
  expect(areAllServing(status)).toBe(true)
  expect(regionsCheck({ data: 'd', status })).toMatchObject([
    { level: 'fail', says: expect.stringContaining('vault ocid1.vault.a does not verify') as unknown },
  ])
})

test.each([
  ['backupIsDue', 'warn'],
  ['keyIsGone', 'fail'],
  ['hasNoCopies', 'fail'],
  ['recoveryIsDamaged', 'fail'],
] as const)('what stands between a region and its custodians is named with its remedy: %s', async (kind, level) => {
  const custody = [{ kind, says: 'something of the custodians', remedy: 'what helps' }]
  const status = await statusOf(well, new Faults([ashburn]), [], custody)
  expect(statusText(status)).toContain('\n  ! something of the custodians')
  expect(areAllServing(status)).toBe(true)
  expect(regionsCheck({ data: 'd', status })).toEqual([
    { level: 'ok', says: `${ashburn} serves, and its peers take messages` },
    { level, says: `${ashburn}: something of the custodians`, remedy: 'what helps' },
  ])
})

test.each([
  ['keptInToken', 'start us-ashburn-1 with that setting and call CreateVaultReplica again'],
  ['noFreeToken', 'hsm init --private N'],
  ['refused', 'RefuseVaultTransfer'],
  ['notTaken', 'status in us-phoenix-1 says why'],
] as const)('a replica that does not come is told with its reason and what helps: %s', async (why, helps) => {
  const one = { vaultId: 'ocid1.vault.a', source: ashburn, destination: phoenix, why, reason: 'It is not to be.' }
  const status = await statusOf(well, new Faults([ashburn]), [], [], [one])
  expect(statusText(status)).toContain(
    '\n  ! vault ocid1.vault.a of us-ashburn-1 gets no replica in us-phoenix-1: It is not to be. ',
  )
  expect(statusText(status)).toContain(helps)
  expect(areAllServing(status)).toBe(true)
  expect(regionsCheck({ data: 'd', status })).toMatchObject([
    { level: 'warn', remedy: expect.stringContaining(helps) as unknown },
  ])
  const many = Array.from({ length: 13 }, () => one)
  expect(statusText(await statusOf(well, new Faults([ashburn]), [], [], many))).toContain(
    '\n  ! 3 further vaults get no replica',
  )
})

test('a region that has no token for another private vault is told, and serves', async () => {
  const status = await statusOf({ ...well, privateTokens: { free: 0, taken: 3, spent: 1 } })
  expect(statusText(status)).toContain(
    '\n  tokens for private vaults: 0 free, 3 taken, 1 spent (hsm init --private makes more)\n',
  )
  const says = `${ashburn}: no token is free for another private vault (3 taken, 1 spent)`
  expect(regionsCheck({ data: 'd', status })).toContainEqual(expect.objectContaining({ level: 'warn', says }))
  const others = await statusOf({ ...well, privateTokens: { free: 1, taken: 3, spent: 0 } })
  expect(regionsCheck({ data: 'd', status: others })).toHaveLength(1)
})

test('each trouble has a remedy of its own', async () => {
  const health = { ...well, status: 'degraded', notAnswering: [phoenix], takesWrites: false, awayTokens: ['v #1'] }
  const status = await statusOf(health as RegionHealth)
  expect(regionsCheck({ data: 'd', status }).map(({ says, remedy }) => [says, remedy])).toEqual([
    [`${ashburn}: ${phoenix} takes no messages`, expect.stringContaining(`See that ${phoenix} runs`)],
    [`${ashburn}: token v #1 does not answer: its private vault answers 503`, expect.stringContaining('hsm status')],
    [`${ashburn}: the disk takes no writes`, expect.stringContaining('When a disk is full')],
  ])
})

test.each([
  ['whose peer is away', { notAnswering: [phoenix], status: 'degraded' }, true],
  ['whose disk is full', { takesWrites: false, status: 'degraded' }, true],
  ['whose HSM does not answer', { isHsmAnswering: false, status: 'degraded' }, false],
])('a region %s: whether it serves', async (_, change, serves) => {
  expect(areAllServing(await statusOf({ ...well, ...change } as RegionHealth))).toBe(serves)
})

test.each([
  ['hang', 'hangs'],
  ['refuse', 'answers 503'],
  ['cut', 'is cut off'],
] as const)(
  'a region with the fault %s is not called ok on its own line, though it finds itself well',
  async (how, says) => {
    const faults = new Faults([ashburn])
    await faults.break(ashburn, how)
    const status = await statusOf(well, faults)
    expect(status.regions).toMatchObject([{ status: 'broken', fault: says }])
    expect(areAllServing(status)).toBe(false)
    expect(statusText(status)).toContain(`us-ashburn-1  broken    http://a   home region\n  ! ${says}, on purpose`)
    expect(statusText(status)).toMatch(new RegExp(`^Vaultspan \\S+; us-ashburn-1 ${says}\n`))
    expect(regionsCheck({ data: 'd', status })).toMatchObject([
      { level: 'fail', says: expect.stringContaining(`us-ashburn-1: ${says}`) as unknown },
    ])
    await faults.heal()
    expect((await statusOf(well, faults)).regions).toMatchObject([{ status: 'ok' }])
  },
)

test.each([
  [['--data', '/nowhere'], /^No Vaultspan service uses \/nowhere; [^\n]+\n$/],
  [['--every', '0'], /^--every takes a number of seconds, at most 3600\.\n$/],
])('status %j is refused in one line', async (flags, says) => {
  const { code, out, err } = await run('local/main.ts', ['status', ...flags])
  expect({ code, out, err }).toEqual({ code: 1, out: '', err: expect.stringMatching(says) as unknown })
})
