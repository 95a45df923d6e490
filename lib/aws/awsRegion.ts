import { pooledRandom } from '../pooledRandom.ts'
import { MemoryState } from '../hsm/software/hsmState.ts'
import { openSoftwareHsm } from '../hsm/software/softwareHsm.ts'
import { realm } from '../ocid.ts'
import { auditLossMetric, putBackMetric } from './countMetric.ts'
import { awsBackups } from './awsBackups.ts'
import { awsKeyServices } from './awsKeyService.ts'
import { Deadline } from './deadline.ts'
import type { AwsSettings } from './awsSettings.ts'
import { openAwsStore, type AwsStore } from './awsStore.ts'
import { composeRegion, type Runtime } from '../runtime/composeRegion.ts'
import { systemTimers } from '../runtime/systemTimers.ts'
import { AuditChain } from '../kms/auditChain/auditChain.ts'
import { chainedTables } from '../kms/auditChain/chainedTables.ts'
import { GroupedAuditSink } from '../kms/groupedAuditSink.ts'
import { jsonLogger } from '../runtime/jsonLogger.ts'
import { withinBudget } from '../replication/withinBudget.ts'
import type { Logger } from '../ports.ts'
import { lagMetric } from './lagMetric.ts'
import { keepingAudit } from '../store/auditRetention.ts'
import { readHsmState, type KeptState, type StatePorts } from './hsmStateRow.ts'
import { requestLog, type RequestWatch } from '../http/requestWatch.ts'
import { maxLambdaFileBytes } from '../http/wireRequest.ts'
import { KmsHsm } from './kms/kmsHsm.ts'
import { markKnownToPeers } from './putBack/markKnownToPeers.ts'
import { TableStanding } from './putBack/tableStanding.ts'
import type { KekPorts } from './kms/wrappedKeks.ts'
import { VaultHosts } from '../runtime/vaultHosts.ts'
import { awsOrigin } from './awsOrigin.ts'

/** A region as one Lambda instance sees it. */
export interface OpenRegion {
  readonly runtime: Runtime
  /** Writes what was appended to the audit. */
  readonly flush: () => Promise<void>
}

/** So long a call waits to hear whether the HSM's state has changed, before it goes on with the state that is known. */
const pollMs = 1000

/** How long what an instance writes to the audit has no signature, as long as it is called. */
const sealMs = 60_000

/** Opens the region when first asked, and anew when the HSM's state has changed: a tenancy was provisioned. */
export class AwsRegion {
  readonly settings: AwsSettings
  readonly store: AwsStore
  readonly state: StatePorts
  readonly keks: KekPorts
  readonly log: Logger
  readonly requestWatch: RequestWatch
  readonly standing: TableStanding
  readonly deadline = new Deadline()
  #kept: KeptState | undefined
  #open: OpenRegion | undefined
  #opening: Promise<OpenRegion> | undefined
  #readAt = -Infinity
  #hsm: KmsHsm | undefined
  #chain: AuditChain | undefined

  constructor(settings: AwsSettings, hsmStateKey?: string) {
    this.settings = settings
    const { deadline } = this
    this.store = openAwsStore(settings, deadline)
    const { region, resourcePrefix } = settings
    this.log = jsonLogger(writeLine, settings.logLevel, { region })
    this.requestWatch = requestLog(this.log, region, () => performance.now())
    const keyService = awsKeyServices({ region, deadline })
    this.state = { tables: this.store.tables, keys: keyService(hsmStateKey), region, resourcePrefix }
    this.keks = { keys: keyService(settings.vaultKeksKey), region, resourcePrefix }
    this.standing = this.#tableStanding()
  }

  /** As `opened`. @throws KmsError unavailable where its tables were put back to an older copy. */
  async current(): Promise<OpenRegion> {
    const [open] = await Promise.all([this.opened(), this.standing.require()])
    return open
  }

  /** As `current`, having compared the tables with what is known of them. */
  async checked(): Promise<OpenRegion> {
    const open = await this.opened()
    await this.standing.check()
    return open
  }

  /** @throws Error where the region's HSM is not provisioned yet, or its state does not open. */
  opened(): Promise<OpenRegion> {
    this.#opening ??= this.#refresh().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  /** Those whose root this region's HSM knows. */
  get tenancyIds(): readonly string[] {
    return Object.keys(this.#kept?.state.tenancies ?? {})
  }

  /** Writes what was appended to the audit, where the region is open. */
  async flush(): Promise<void> {
    await this.#open?.flush()
  }

  async #refresh(): Promise<OpenRegion> {
    const now = Date.now()
    if (this.#open !== undefined && now - this.#readAt < this.settings.keyCacheMs) return this.#open
    const found = await this.#read()
    if (found === undefined) {
      throw new Error(`The simulated HSM of ${this.settings.region} is not provisioned yet: npm run provision.`)
    }
    this.#readAt = now
    if (found === 'unchanged' && this.#open !== undefined) return this.#open
    if (found !== 'unchanged') this.#kept = found
    this.#open = await this.#compose(this.#kept as KeptState)
    return this.#open
  }

  /** A state that is known stays good while it cannot be compared: it changes with a new tenancy only. */
  async #read(): ReturnType<typeof readHsmState> {
    const reading = readHsmState(this.state, this.#kept)
    if (this.#open === undefined) return reading
    try {
      return await withinBudget(systemTimers, reading, pollMs, "The row of the HSM's state")
    } catch (cause) {
      this.log.warn('The state of the HSM could not be compared; the one that is known stays.', {
        cause: String(cause),
      })
      return 'unchanged'
    }
  }

  async #compose({ state }: KeptState): Promise<OpenRegion> {
    const { settings } = this
    const { region, regions, homeRegion, resourcePrefix } = settings
    const { log } = this
    const { queues } = this.store
    const hsm = new KmsHsm(openSoftwareHsm({ region, realm, store: new MemoryState(state) }), this.keks)
    this.#hsm = hsm
    const chain = this.#auditChain()
    const tables = keepingAudit(chainedTables(this.store.tables, chain), settings.auditRetentionDays, Date.now)
    // A wrong answer here means that nothing this process would encrypt can be trusted.
    if (this.#open === undefined) await hsm.selfTest()
    const onLoss = auditLossMetric(resourcePrefix, writeLine)
    const audit = new GroupedAuditSink(tables, {
      flushMs: 100,
      crypto: settings.cryptoAudit,
      onLoss,
      log,
      timers: systemTimers,
    })
    const hosts = new VaultHosts(tables, { ...settings, originOf: awsOrigin(settings) })
    const runtime = composeRegion({
      region,
      homeRegion,
      regions,
      tables,
      queues,
      hsm,
      endpoints: hosts.endpoints,
      vaultAt: (host) => hosts.vaultAt(host),
      vaultNames: { has: (host) => hosts.isVaultHost(host), findNone: () => hosts.findNone() },
      isRegionHost: (host) => hosts.isRegionHost(host),
      hasDecodedPaths: true,
      clock: Date.now,
      random: pooledRandom(),
      log,
      settings,
      audit,
      maxFileBytes: maxLambdaFileBytes,
      backups: awsBackups(settings, maxLambdaFileBytes),
      requestWatch: this.requestWatch,
      lag: lagMetric(resourcePrefix, writeLine),
      commitMark: () => ({ mark: this.standing.mark }),
    })
    const flush = async () => {
      await audit.flush()
      await chain.sealIfDue(sealMs)
    }
    return { runtime, flush }
  }

  #tableStanding(): TableStanding {
    const { log, store } = this
    const { region, regions, resourcePrefix } = this.settings
    const peers = regions.filter((each) => each !== region)
    const known = () => markKnownToPeers({ region, peers, tablesOf: store.tablesOf, timers: systemTimers, log })
    const onPutBack = putBackMetric(resourcePrefix, writeLine)
    return new TableStanding({ region, tables: store.tables, clock: Date.now, known, log, onPutBack })
  }

  /** One for the life of the instance, however often its region is opened. */
  #auditChain(): AuditChain {
    const { log, settings, store } = this
    const hsm = () => {
      if (this.#hsm === undefined) throw new Error('No HSM is open.')
      return this.#hsm
    }
    const { region, auditRetentionDays } = settings
    const tables = keepingAudit(store.tables, auditRetentionDays, Date.now)
    this.#chain ??= new AuditChain({ region, tables, hsm, clock: Date.now, random: pooledRandom(), log })
    return this.#chain
  }
}

/** Not console.log, to which Lambda adds a prefix that metrics must not have. */
function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
