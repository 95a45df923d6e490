import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { exportAudit } from '../../local/audit/exportAudit.ts'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { ownAddress, restoreRelease } from '../upgrade/release.ts'
import { callerOf } from './signedCaller.ts'
import { inCloud } from './inCloud.ts'
import { run } from './startedService.ts'
import { createKey, createVault, encrypt } from './vaultSteps.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const
const now = Date.now()

let folder = ''
let data = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'audit-cli-'))
  data = join(folder, 'data')
  // Twice, so that each region has two writers.
  for (let start = 0; start < 2; start += 1)
    await inCloud(data, async (cloud) => {
      const call = callerOf(cloud)
      for (const { endpoint } of cloud.regions) {
        const vault = await createVault(call, endpoint, cloud.tenancyId)
        const keyId = await createKey(call, vault, cloud.tenancyId)
        for (let count = 0; count < 5; count += 1) await encrypt(call, vault.endpoint, keyId)
        await call('GET', `${endpoint}/20180608/vaults/nothing`)
      }
      await cloud.idle()
    })
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** A copy of the data directory, or of an export, altered. */
function copy(name: string, from = data): string {
  const to = join(folder, name)
  cpSync(from, to, { recursive: true })
  return to
}

function inRegion(directory: string, region: string, sql: string): void {
  const database = new DatabaseSync(join(directory, 'regions', `${region}.db`))
  database.exec(sql)
  database.close()
}

async function kinds(path: string) {
  const { reports } = await verifyAudit([path], { now })
  return reports.flatMap(({ findings }) => findings.map(({ kind }) => kind))
}

const eventsOf = (pattern: string) =>
  `FROM item WHERE tbl = 'Audit' AND body LIKE '%${pattern}%' AND pk LIKE '%#2%T%#%'`

test('the audit of a cloud that ran and was stopped is valid, and every writer has ended in order', async () => {
  const { reports } = await verifyAudit([data], { now })
  expect(reports).toMatchObject(
    [ashburn, phoenix].map((region) => ({ region, writers: 2, closed: 2, unsigned: 0, beforeChain: 0, findings: [] })),
  )
  for (const { events } of reports) expect(events).toBeGreaterThanOrEqual(16)
})

test('the command says so, and names what was done to a file with exit code 1', async () => {
  const good = await run('local/main.ts', ['audit', 'verify', '--data', data, '--root', join(data, 'tenancyRoot.pem')])
  expect(good).toMatchObject({ code: 0, err: '' })
  expect(good.out).toMatch(/^us-ashburn-1: valid\. \d+ events; [^\n]*\nus-phoenix-1: valid\. [^\n]*\n$/)
  const altered = copy('altered')
  inRegion(
    altered,
    ashburn,
    `UPDATE item SET body = replace(body, 'CreateKey', 'CreateKex') WHERE rowid = (SELECT min(rowid) ${eventsOf('CreateKey')})`,
  )
  const bad = await run('local/main.ts', ['audit', 'verify', altered])
  expect(bad.code).toBe(1)
  expect(bad.out).toContain('us-ashburn-1: NOT VALID.')
  expect(bad.out).toMatch(/altered: The event CreateKex [0-9a-f-]{36} of \S+ was altered/)
  expect(bad.err).toMatch(/^The audit is not as it was written: The event CreateKex [^\n]*\n$/)
})

test('a region whose last events are cut off with their heads is found by what the other one was told', async () => {
  const cut = copy('cut')
  inRegion(cut, ashburn, "DELETE FROM item WHERE tbl = 'Audit' AND NOT pk LIKE 'peerAuditHead#%'")
  expect(await kinds(cut)).toEqual(['cut', 'cut'])
})

test('a region whose file is gone is missed where another was told of it', async () => {
  const gone = copy('gone')
  rmSync(join(gone, 'regions', `${ashburn}.db`))
  const { reports } = await verifyAudit([gone], { now })
  expect(reports).toMatchObject([
    { region: phoenix, findings: [] },
    {
      region: ashburn,
      events: 0,
      findings: [
        {
          kind: 'missing',
          says: expect.stringContaining(`Nothing of ${ashburn} is here, though ${phoenix}`) as unknown,
        },
      ],
    },
  ])
})

test('a service that shares its files with nobody is told from one that is damaged', async () => {
  const running = copy('running')
  await inCloud(running, async () => {
    await expect(verifyAudit([running], { now })).rejects.toThrow(
      /is in use by a service without workers .*take a snapshot/,
    )
  })
})

describe('exports of regions on machines of their own', () => {
  /** Of a machine that has nothing but this region. */
  const exportOf = async (region: string, alter = (_machine: string) => {}) => {
    const machine = copy(`machine-${region}-${Math.random()}`)
    for (const other of [ashburn, phoenix]) if (other !== region) rmSync(join(machine, 'regions', `${other}.db`))
    alter(machine)
    const to = `${machine}.jsonl`
    await exportAudit(to, { data: machine, now })
    return to
  }
  const kindsOf = async (paths: readonly string[]) =>
    (await verifyAudit(paths, { now, root: data })).reports.flatMap(({ region, findings }) =>
      findings.map(({ kind }) => `${region} ${kind}`),
    )

  test('verify together, and each carries what its region was told of the other', async () => {
    const [a, b] = [await exportOf(ashburn), await exportOf(phoenix)]
    expect(await kindsOf([a, b])).toEqual([])
    expect(await kindsOf([b])).toEqual([`${ashburn} missing`])
    const cut = await exportOf(ashburn, (machine) => {
      inRegion(machine, ashburn, "DELETE FROM item WHERE tbl = 'Audit' AND NOT pk LIKE 'peerAuditHead#%'")
    })
    expect(await kindsOf([cut, b])).toEqual([`${ashburn} cut`, `${ashburn} cut`])
  })

  test('are cut where one was emptied, or says of itself that nobody was told anything', async () => {
    const [a, b] = [await exportOf(ashburn), await exportOf(phoenix)]
    const [header = '', ...lines] = readFileSync(a, 'utf8').trimEnd().split('\n')
    const heads = lines.filter((line) => line.includes('"head":'))
    const last = heads.at(-1) ?? ''
    for (const rest of [[], lines.filter((line) => line !== last)]) {
      const silent = JSON.stringify({ ...(JSON.parse(header) as object), told: [] })
      writeFileSync(a, `${[silent, ...rest].join('\n')}\n`)
      expect(await kindsOf([a, b])).toContain(`${ashburn} cut`)
    }
  })

  test('that were narrowed to a time say that they are not whole', async () => {
    const whole = await exportOf(ashburn)
    const [header = '', ...lines] = readFileSync(whole, 'utf8').trimEnd().split('\n')
    const range = { from: '1970-01-01T00:00:00.000Z', to: '1970-01-02T00:00:00.000Z' }
    const narrowed = JSON.stringify({ ...(JSON.parse(header) as object), range, told: [] })
    writeFileSync(whole, `${[narrowed, ...lines.filter((line) => !line.includes('"events":'))].join('\n')}\n`)
    const { out } = await run('local/main.ts', ['audit', 'verify', whole, '--root', join(data, 'tenancyRoot.pem')])
    expect(out).toMatch(
      /^us-ashburn-1: valid, but NOT WHOLE: only from 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z\. 0 events; .*\n {2}\d+ groups outside of that time were not looked for/,
    )
  })
})

describe('an export', () => {
  test('verifies by itself, in one file or in one for each region', async () => {
    const [one, many] = [join(folder, 'one.jsonl'), join(folder, 'many')]
    const inOne = await exportAudit(one, { data, now })
    expect(await exportAudit(many, { data, now })).toEqual(inOne)
    expect(readdirSync(many)).toEqual([`${ashburn}.jsonl`, `${phoenix}.jsonl`])
    for (const path of [one, many]) {
      await expect(verifyAudit([path], { now, root: join(data, 'none.pem') })).rejects.toThrow('name the tenancy')
      const { reports } = await verifyAudit([path], { now, root: join(data, 'tenancyRoot.pem') })
      expect(reports.map(({ region, events, findings }) => ({ region, events, findings }))).toEqual(
        inOne.map((region) => ({ ...region, findings: [] })),
      )
    }
  })

  test('names any line that is altered, deleted, or swapped with another', async () => {
    const whole = join(folder, 'whole.jsonl')
    await exportAudit(whole, { data, now })
    const lines = readFileSync(whole, 'utf8').trimEnd().split('\n')
    const other = join(folder, 'other.jsonl')
    const kindsOf = async (altered: readonly string[]) => {
      writeFileSync(other, `${altered.join('\n')}\n`)
      return kinds(other)
    }
    const events = lines.flatMap((line, index) =>
      line.startsWith('{"pk"') && line.includes('"events"') ? [index] : [],
    )
    expect(events.length).toBeGreaterThan(10)
    for (const [position, index] of events.entries()) {
      expect(await kindsOf(lines.filter((_, at) => at !== index))).not.toEqual([])
      expect(await kindsOf(lines.with(index, (lines[index] ?? '').replace('"status":"', '"status":"9')))).toContain(
        'altered',
      )
      const next = events[position + 1]
      if (next !== undefined)
        expect(await kindsOf(lines.with(index, lines[next] ?? '').with(next, lines[index] ?? ''))).not.toEqual([])
    }
  })

  test('of a time holds the heads of all times, and the events of that', async () => {
    const { reports } = await verifyAudit([data], { now })
    const later = join(folder, 'later.jsonl')
    const [first] = await exportAudit(later, { data, now, from: new Date(now + 86_400_000).toISOString() })
    expect(first?.events).toBe(0)
    const checked = await verifyAudit([later], { now })
    expect(checked.reports.map(({ heads, events, findings }) => ({ heads, events, findings }))).toEqual(
      reports.map(({ heads }) => ({ heads, events: 0, findings: [] })),
    )
    const today = join(folder, 'today.jsonl')
    const all = await exportAudit(today, { data, now, from: new Date(now - 86_400_000).toISOString() })
    expect(all.map(({ events }) => events)).toEqual(reports.map(({ events }) => events))
  })

  test('is never written over anything', async () => {
    const taken = join(folder, 'taken.jsonl')
    writeFileSync(taken, 'mine')
    await expect(exportAudit(taken, { data, now })).rejects.toThrow(/taken\.jsonl is there already/)
    await expect(exportAudit(folder, { data, now })).rejects.toThrow(/is not empty/)
    await expect(exportAudit(join(folder, 'x.jsonl'), { data: folder, now })).rejects.toThrow(/There is no cloud in/)
  })

  // The last two: JavaScript's own parser takes them for 2 March and for the local time of whoever asks.
  test.each(['yesterday', '2026-13-01', '2026-01-31T24:00:00Z', '2026-02-30', '2026-01-31T12:00'])(
    'from %s is refused: there is no such time',
    async (from) => {
      const target = join(folder, 'never.jsonl')
      await expect(exportAudit(target, { data, now, from })).rejects.toThrow(`--from is "${from}"; it takes a day`)
      expect(existsSync(target)).toBe(false)
    },
  )

  test('that is none is refused in a sentence', async () => {
    const none = join(folder, 'none.jsonl')
    writeFileSync(none, '{"a":1}\n')
    await expect(verifyAudit([none], { now })).rejects.toThrow(/none\.jsonl is no export of an audit/)
    await expect(verifyAudit([join(folder, 'nowhere')], { now })).rejects.toThrow(/There is no .*nowhere/)
  })
})

test('events of 0.1.0 are told as being from before the chain, and what is written since is chained', async () => {
  const { directory, remove } = restoreRelease('0.1.0')
  try {
    const before = await verifyAudit([directory], { now })
    expect(before.reports).toMatchObject([{ findings: [] }, { findings: [] }])
    const [first] = before.reports
    expect(first?.beforeChain).toBeGreaterThan(10)
    expect(first?.beforeChain).toBe(first?.events)
    const cloud = await startCloud({ directory, port: 0, generateRsa: knownRsaPair, settings: ownAddress })
    await createVault(callerOf(cloud), cloud.regions[0]?.endpoint ?? '', cloud.tenancyId)
    await cloud.close()
    const after = await verifyAudit([directory], { now: Date.now() })
    expect(after.reports).toMatchObject([
      { beforeChain: first?.beforeChain, writers: 1, closed: 1, findings: [] },
      { findings: [] },
    ])
  } finally {
    remove()
  }
})
