import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, type OpenMetricsContentType } from 'prom-client'
import type { VaultLink } from '../../lib/replication/replicationPorts.ts'
import type { RegionHealth } from '../region/regionHealth.ts'
import { version } from '../version.ts'
import { LoopDelay } from './loopDelay.ts'
import { metricsContentType } from './metricsContentType.ts'
import type { CountedRequests } from './requestMetrics.ts'

interface Sources {
  readonly region: string
  /** What each thread that answers requests has counted, those that are gone too. */
  readonly threads: () => Promise<readonly CountedRequests[]>
  /** How many threads answer at present. */
  readonly running: () => number
  readonly health: () => Promise<RegionHealth>
}

const lagBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** What GET /metrics answers. INVARIANT: counts of one region without a vault's name or OCID, as /healthz: nobody signs for it. */
export class RegionMetrics {
  readonly #sources: Sources
  readonly #registry = new Registry<OpenMetricsContentType>()
  readonly #loop = new LoopDelay()
  readonly #lag = new Histogram({
    name: 'vaultspan_replication_lag_seconds',
    help: 'Time from a change being committed here to its receipt from the peer.',
    labelNames: ['peer'],
    buckets: lagBuckets,
    registers: [this.#registry],
  })
  readonly #gauges = {
    info: this.#gauge('build_info', 'The version that runs and the region; always 1.', 'version', 'region'),
    takesWrites: this.#gauge('takes_writes', '0: the disk had no room for the last write that was tried.'),
    hsmAnswering: this.#gauge('hsm_answering', '0: no call that needs a vault’s keys is answered.'),
    awayTokens: this.#gauge(
      'hsm_away_tokens',
      'Tokens that do not answer, with a private vault each that answers 503.',
    ),
    privateTokens: this.#gauge(
      'hsm_private_tokens',
      'Tokens for private vaults, where the region has any: free, taken, spent.',
      'state',
    ),
    putBack: this.#gauge('put_back', '1: this start found the region put back to an older copy of its data.'),
    workers: this.#gauge('workers', 'Threads that answer requests.'),
    answering: this.#gauge('peer_answering', '0: the peer takes no messages now.', 'peer'),
    atRisk: this.#gauge(
      'changes_at_risk',
      'Changes that the loss of this region would take along, up to 1000.',
      'peer',
    ),
    vaults: this.#gauge('link_vaults', 'Vaults replicated to the peer, up to 100.', 'peer'),
    behind: this.#gauge('link_vaults_behind', 'Those of them whose replica is behind.', 'peer'),
    queues: this.#gauge('queue_messages', 'Messages that wait or are worked.', 'queue'),
    dead: this.#gauge('dead_letters', 'Messages and changes that were given up.'),
    loop: this.#gauge('event_loop_delay_seconds', 'Of the main thread, since the last scrape.', 'quantile'),
    memory: this.#gauge('resident_memory_bytes', 'Of the process, all its threads together.'),
  }
  readonly #counters = {
    diverged: this.#counter('diverged_resources', 'Resources that the peer acknowledged and had not.', 'peer'),
    auditLost: this.#counter('audit_events_lost', 'Audit events that are in no table and never will be.'),
    cpu: this.#counter('cpu_seconds', 'Processor time of the process, all its threads together.'),
  }

  constructor(sources: Sources) {
    this.#registry.setContentType(metricsContentType)
    this.#sources = sources
    this.#gauges.info.set({ version, region: sources.region }, 1)
  }

  replicated({ peer }: VaultLink, lagMs: number): void {
    this.#lag.observe({ peer }, lagMs / 1000)
  }

  async text(): Promise<string> {
    const [health, threads] = await Promise.all([this.#sources.health(), this.#sources.threads()])
    this.#gauges.workers.set(this.#sources.running())
    this.#setLinks(health)
    this.#setRegion(health)
    const all: object[] = [...threads, await this.#registry.getMetricsAsJSON()]
    const whole = AggregatorRegistry.aggregate<OpenMetricsContentType>(all)
    whole.setContentType(metricsContentType)
    return whole.metrics()
  }

  close(): void {
    this.#loop.close()
  }

  #setLinks({ links, notAnswering }: RegionHealth): void {
    const { answering, atRisk, vaults, behind } = this.#gauges
    this.#counters.diverged.reset()
    for (const link of links) {
      const { peer } = link
      answering.set({ peer }, notAnswering.includes(peer) ? 0 : 1)
      atRisk.set({ peer }, link.atRisk)
      vaults.set({ peer }, link.vaults)
      behind.set({ peer }, link.behind)
      this.#counters.diverged.inc({ peer }, link.diverged)
    }
  }

  #setRegion({
    takesWrites,
    isHsmAnswering,
    awayTokens = [],
    privateTokens,
    putBack,
    queues,
    audit,
  }: RegionHealth): void {
    const gauges = this.#gauges
    gauges.takesWrites.set(takesWrites ? 1 : 0)
    gauges.hsmAnswering.set(isHsmAnswering ? 1 : 0)
    gauges.awayTokens.set(awayTokens.length)
    for (const state of ['free', 'taken', 'spent'] as const)
      if (privateTokens !== undefined) gauges.privateTokens.set({ state }, privateTokens[state])
    gauges.putBack.set(putBack === undefined ? 0 : 1)
    gauges.queues.set({ queue: 'inbox' }, queues.inbox)
    gauges.queues.set({ queue: 'outbox' }, queues.outbox)
    gauges.dead.set(queues.deadLetters)
    for (const [quantile, seconds] of Object.entries(this.#loop.take())) gauges.loop.set({ quantile }, seconds)
    gauges.memory.set(process.memoryUsage.rss())
    const { user, system } = process.cpuUsage()
    counted(this.#counters.cpu, (user + system) / 1e6)
    counted(this.#counters.auditLost, audit.lost)
  }

  #gauge<L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> {
    return new Gauge({ name: `vaultspan_${name}`, help, labelNames, registers: [this.#registry] })
  }

  /** OpenMetrics adds _total to the name. */
  #counter<L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> {
    return new Counter({ name: `vaultspan_${name}`, help, labelNames, registers: [this.#registry] })
  }
}

/** What somebody else has counted since the start. */
function counted(counter: Counter, total: number): void {
  counter.reset()
  counter.inc(total)
}
