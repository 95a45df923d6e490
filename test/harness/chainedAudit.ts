import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import type { AuditEvent, AuditItem } from '../../lib/kms/audit.ts'
import { checkAudit, type StoredItem } from '../../lib/kms/auditChain/checkAudit.ts'
import { placeIn } from '../../lib/kms/auditChain/checkItem.ts'
import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import { readRoot } from '../../local/directory/readRoot.ts'
import { withStoreAudits } from '../../local/audit/storeAudit.ts'
import { isEventRow, itemIn } from '../../local/audit/storedItems.ts'
import { AuditChain } from '../../lib/kms/auditChain/auditChain.ts'
import type { Finding } from '../../lib/kms/auditChain/finding.ts'
import { chainedTables } from '../../lib/kms/auditChain/chainedTables.ts'
import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { ociEvent } from '../../lib/kms/ociEvent.ts'
import { realm } from '../../lib/ocid.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { systemTimers } from '../../lib/runtime/systemTimers.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { chainedSince } from '../../local/region/chainedSince.ts'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'

const tenancyId = 'ocid1.tenancy.oc1..t'
export const region = 'us-ashburn-1'
export const log = jsonLogger(() => undefined, 'silent')
const start = Date.parse('2026-05-05T10:10:10Z')

/** A data directory with one region, in which writers leave events as a process does; files alone, nothing runs. */
export class AuditDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'audit-chain-'))
  readonly hsm = openSoftwareHsm({ region, realm })
  now = start
  readonly #file = join(this.path, 'regions', `${region}.db`)

  constructor() {
    mkdirSync(join(this.path, 'regions'))
    writeFileSync(join(this.path, 'tenancyRoot.pem'), this.hsm.createTenancyRoot(tenancyId))
  }

  /** A process of the region while `work` runs. */
  async process(
    work: (writer: Writer) => Promise<void>,
    { ends = true }: { readonly ends?: boolean } = {},
  ): Promise<void> {
    const clock = () => this.now
    const store = openSqliteRegionStore({ file: this.#file, clock, newId: randomUUID })
    const random = (size: number) => randomBytes(size)
    const ports = { region, hsm: () => this.hsm, clock, random, log, chainedSince: chainedSince(store, clock) }
    const chain = new AuditChain({ ...ports, tables: store.tables })
    const tables = chainedTables(store.tables, chain)
    const sink = new GroupedAuditSink(tables, { flushMs: 1_000_000, crypto: 'on', log, timers: systemTimers })
    try {
      await work({ chain, tables, sink, store, event: (more) => this.event(more) })
      await sink.close()
      if (ends) await chain.close()
    } finally {
      store.close()
    }
  }

  /** An event of its own, a millisecond after the one before. */
  event(more: { readonly resourceName?: string; readonly compartmentId?: string } = {}): AuditEvent {
    this.now += 1
    return ociEvent({
      service: 'KeyManagementService',
      operation: 'Encrypt',
      eventId: randomUUID(),
      groupingId: 'g',
      eventTime: new Date(this.now).toISOString(),
      compartmentId: more.compartmentId ?? tenancyId,
      resourceName: more.resourceName ?? 'key',
      resourceId: 'ocid1.key.oc1..k',
      identity: { principalName: 'admin', principalId: 'ocid1.user.oc1..u', tenantId: tenancyId, authType: 'natv' },
      response: { status: 200, responseTime: new Date(this.now).toISOString() },
    })
  }

  /** Whoever can write the file. */
  tamper(work: (database: DatabaseSync) => void): void {
    const database = new DatabaseSync(this.#file)
    try {
      work(database)
    } finally {
      database.close()
    }
  }

  /** The rows of the audit as they stand, for `check`, which needs no file: a thousand alterations are tried in a moment. */
  rows(): readonly AuditRow[] {
    let rows: readonly AuditRow[] = []
    this.tamper((database) => {
      rows = database
        .prepare("SELECT pk, sk, body FROM item WHERE tbl = 'Audit'")
        .all()
        .map(({ pk, sk, body }) => ({ pk: String(pk), sk: String(sk), body: String(body) }))
    })
    return rows
  }

  /** What verifying says of other rows in the place of those of the file. */
  async check(rows: readonly AuditRow[]): Promise<readonly Finding[]> {
    const items = rows
      .filter(({ pk }) => isEventRow(pk))
      .map((row) => itemIn(row.body, row))
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
    const root = readRoot(this.path)
    if (root === undefined) throw new Error('There is no root.')
    const seconds = this.now / 1000
    return withStoreAudits([this.path], async ([audit]) => {
      if (audit === undefined) throw new Error('There is no region.')
      return (await checkAudit({ ...audit, items }, signaturesUnder(root, realm), seconds)).findings
    })
  }

  async verify() {
    const { reports } = await verifyAudit([this.path], { now: this.now })
    const [report] = reports
    if (report === undefined) throw new Error('No region was verified.')
    return report
  }

  async findings(): Promise<readonly Finding[]> {
    return (await this.verify()).findings
  }

  remove(): void {
    rmSync(this.path, { recursive: true })
  }
}

export interface AuditRow {
  readonly pk: string
  readonly sk: string
  readonly body: string
}

function orderOf(stored: StoredItem): string {
  const place = 'item' in stored ? placeIn(stored.item) : undefined
  return place === undefined ? '' : `${place.writer} ${String(place.seq).padStart(9, '0')}`
}

export interface Writer {
  readonly chain: AuditChain
  readonly tables: ReturnType<typeof chainedTables>
  readonly sink: GroupedAuditSink
  readonly store: ReturnType<typeof openSqliteRegionStore>
  readonly event: AuditDirectory['event']
}

export interface StoredRow extends AuditRow {
  readonly item: AuditItem
}

export function itemsIn(rows: readonly AuditRow[]): readonly StoredRow[] {
  return rows.flatMap((row) => {
    const item = JSON.parse(row.body) as AuditItem
    return Array.isArray(item.events) ? [{ ...row, item }] : []
  })
}

/** Three processes one after the other: groups of many events, and changes with an event of their own. */
export async function someEvents(directory: AuditDirectory): Promise<void> {
  for (let process = 0; process < 3; process += 1)
    await directory.process(async ({ sink, tables, chain, event }) => {
      for (let index = 0; index < 4; index += 1) sink.append(event())
      await sink.flush()
      await tables.write(sink.writesOf(event()))
      await chain.seal()
      await tables.write(sink.writesOf(event({ compartmentId: 'ocid1.compartment.oc1..c' })))
      sink.append(event())
    })
}
