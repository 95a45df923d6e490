import { RegionMetrics } from '../../local/metrics/regionMetrics.ts'
import { RequestMetrics } from '../../local/metrics/requestMetrics.ts'
import type { RegionHealth } from '../../local/region/regionHealth.ts'
import { whenThere } from '../harness/until.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { version } from '../../local/version.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { readOpenMetrics, type Family } from '../harness/openMetrics.ts'
import { callerOf, type SignedCaller } from './signedCaller.ts'
import { suiteBase } from './suiteBase.ts'

/** GET /metrics: OpenMetrics, a region each, and nothing by which a stranger learns a name or what refused a call. */

let cloud: Cloud
let home: string
let call: SignedCaller
beforeAll(async () => {
  cloud = await startCloud({
    directory: ':memory:',
    port: await suiteBase(),
    generateRsa: knownRsaPair,
    settings: { requiresServicePolicy: false },
  })
  home = cloud.regions[0]?.endpoint ?? ''
  call = callerOf(cloud)
})
afterAll(() => cloud.close())

async function scrape(endpoint = home): Promise<{ text: string; families: ReadonlyMap<string, Family> }> {
  const answer = await fetch(`${endpoint}/metrics`)
  expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  const text = await answer.text()
  return { text, families: readOpenMetrics(text) }
}

function valueOf(families: ReadonlyMap<string, Family>, family: string, labels: object, name = family): number {
  const found = families.get(family)?.samples.filter((sample) => {
    return sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  })
  expect(found).toHaveLength(1)
  return found?.[0]?.value ?? NaN
}

async function scrapedWhen(holds: (families: ReadonlyMap<string, Family>) => boolean) {
  return whenThere(async () => {
    const { families } = await scrape()
    return holds(families) ? families : undefined
  })
}

test('requests are counted by operation and status, and timed; what has no operation is one series', async () => {
  const details = { compartmentId: cloud.tenancyId, displayName: 'secret-name', vaultType: 'VIRTUAL_PRIVATE' }
  const vault = (await call('POST', `${home}/20180608/vaults`, details)).body
  await call('GET', `${home}/20180608/vaults/${String(vault['id'])}`)
  await call('GET', `${home}/20180608/vaults/${String(vault['id'])}x`)
  for (const path of ['nothing', 'nowhere', 'never']) await fetch(`${home}/${path}`)
  const { text, families } = await scrape()
  const requests = (operation: string, status: string) =>
    valueOf(families, 'vaultspan_requests', { operation, status }, 'vaultspan_requests_total')
  expect(requests('CreateVault', '200')).toBe(1)
  expect(requests('GetVault', '200')).toBe(1)
  expect(requests('GetVault', '404')).toBe(1)
  expect(requests('none', '404')).toBe(3)
  const of = { operation: 'GetVault' }
  const duration = 'vaultspan_request_duration_seconds'
  expect(valueOf(families, duration, of, `${duration}_count`)).toBe(2)
  const quarters = valueOf(families, duration, of, `${duration}_sum`) * 4000
  expect(quarters).toBeGreaterThanOrEqual(2)
  expect(Math.abs(quarters - Math.round(quarters))).toBeLessThan(1e-6)
  expect(text).not.toMatch(/ocid1|secret-name|vaultspan_refus/)
})

test('replication, queues, threads and the version are there', async () => {
  const details = { compartmentId: cloud.tenancyId, displayName: 'v', vaultType: 'VIRTUAL_PRIVATE' }
  const vault = (await call('POST', `${home}/20180608/vaults`, details)).body
  const replica = { replicaRegion: 'us-phoenix-1' }
  await call('POST', `${home}/20180608/vaults/${String(vault['id'])}/actions/createReplica`, replica)
  await cloud.idle()
  const peer = 'us-phoenix-1'
  // What regions tell each other by themselves, as the heads of the audit, may be under way at any moment.
  const families = await scrapedWhen(
    (now) =>
      valueOf(now, 'vaultspan_queue_messages', { queue: 'outbox' }) === 0 &&
      valueOf(now, 'vaultspan_changes_at_risk', { peer }) === 0 &&
      valueOf(now, 'vaultspan_peer_answering', { peer }) === 1,
  )
  expect(valueOf(families, 'vaultspan_build_info', { version, region: 'us-ashburn-1' })).toBe(1)
  const lag = 'vaultspan_replication_lag_seconds'
  expect(valueOf(families, lag, { peer }, `${lag}_count`)).toBeGreaterThan(0)
  expect(valueOf(families, 'vaultspan_link_vaults', { peer })).toBe(1)
  expect(valueOf(families, 'vaultspan_dead_letters', {})).toBe(0)
  expect(valueOf(families, 'vaultspan_workers', {})).toBe(1)
  expect(valueOf(families, 'vaultspan_takes_writes', {})).toBe(1)
  expect(valueOf(families, 'vaultspan_event_loop_delay_seconds', { quantile: '0.99' })).toBeGreaterThanOrEqual(0)
  await cloud.faults.break(peer, 'cut')
  expect(valueOf((await scrape()).families, 'vaultspan_peer_answering', { peer })).toBe(0)
  await cloud.faults.heal()
  const other = await scrape(cloud.regions[1]?.endpoint)
  expect(valueOf(other.families, 'vaultspan_build_info', { region: peer })).toBe(1)
})

test('what several threads have counted is added up, also after it has crossed between them', async () => {
  const threads = [new RequestMetrics(), new RequestMetrics(), new RequestMetrics()]
  const seen = { requestId: 'r', operation: 'Encrypt', status: 200, caller: undefined, ms: 0.3 } as const
  for (const [index, thread] of threads.entries()) for (let i = 0; i <= index; i += 1) thread.answered(seen)
  const health = {
    notAnswering: [],
    takesWrites: true,
    links: [],
    audit: { lost: 2 },
    queues: { inbox: 0, outbox: 0, deadLetters: 3 },
  } as unknown as RegionHealth
  const metrics = new RegionMetrics({
    region: 'r',
    threads: async () => structuredClone(threads.map((thread) => thread.counted())),
    running: () => 3,
    health: async () => health,
  })
  await metrics.text()
  const families = readOpenMetrics(await metrics.text())
  metrics.close()
  expect(valueOf(families, 'vaultspan_requests', {}, 'vaultspan_requests_total')).toBe(6)
  const duration = 'vaultspan_request_duration_seconds'
  expect(valueOf(families, duration, { le: '0.0005' }, `${duration}_bucket`)).toBe(6)
  expect(valueOf(families, duration, {}, `${duration}_sum`)).toBeCloseTo(6 * 0.0005)
  expect(valueOf(families, 'vaultspan_workers', {})).toBe(3)
  expect(valueOf(families, 'vaultspan_audit_events_lost', {}, 'vaultspan_audit_events_lost_total')).toBe(2)
})

test.each([
  ['no end', 'a 1\n'],
  ['a sample outside its family', '# TYPE a gauge\nb 1\n# EOF\n'],
  ['a counter without _total', '# TYPE a counter\na 1\n# EOF\n'],
  ['a series twice', '# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n# EOF\n'],
  ['a histogram that falls', '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n# EOF\n'],
  ['a quote in a label', '# TYPE a gauge\na{x="1"2"} 1\n# EOF\n'],
])('the reader of these tests refuses %s', (_, text) => {
  expect(() => readOpenMetrics(text)).toThrow()
})
