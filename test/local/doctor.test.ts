import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { examine } from '../../local/doctor/examine.ts'
import type { Finding } from '../../local/doctor/finding.ts'
import { diskCheck, nodeCheck, settingsCheck } from '../../local/doctor/machineChecks.ts'
import { HostDirectory } from '../../local/directory/hostDirectory.ts'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { takePort } from './freePorts.ts'
import { until } from '../harness/until.ts'
import { inCloud } from './inCloud.ts'
import { withSnapshot } from './snapshotHarness.ts'
import { run } from './startedService.ts'

const level = (findings: readonly Finding[], wanted: Finding['level']) =>
  findings.filter((each) => each.level === wanted).map(({ says }) => says)

function stamps(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.map((name) => `${name} ${statSync(join(folder, name)).mtimeMs}`).toSorted()
}

test('of a cloud that is well every line is ok, whether it runs or not, and nothing is changed', () =>
  withSnapshot(async ({ data }) => {
    const before = stamps(data)
    const atRest = await examine(data)
    expect([level(atRest, 'warn'), level(atRest, 'fail'), stamps(data)]).toEqual([[], [], before])
    await inCloud(data, async () => {
      let running: readonly Finding[] = []
      // A region that is slow to answer on a busy machine is told of as one that does not answer.
      await until(async () => {
        running = await examine(data)
        return level(running, 'fail').length === 0
      })
      expect([level(running, 'warn'), level(running, 'fail')]).toEqual([[], []])
      expect(level(running, 'ok')).toContain('us-phoenix-1 serves, and its peers take messages')
    })
  }))

test('a region that is cut off is told of, by itself and by its peer', () =>
  withSnapshot(async ({ data }) => {
    const settings = { preparesKeys: false, requiresServicePolicy: false }
    const cloud = await startCloud({ directory: data, port: 0, settings, cut: 'us-phoenix-1' })
    let failed: readonly string[] = []
    await until(async () => {
      failed = level(await examine(data), 'fail')
      return failed.includes('us-ashburn-1: us-phoenix-1 takes no messages')
    })
    await cloud.close()
    expect(failed).toContainEqual(expect.stringMatching(/of us-phoenix-1 takes no connection\.$/))
  }))

type Harm = (data: string) => void | Promise<void>
const harms: Readonly<Record<string, readonly [Harm, Finding['level'], RegExp, RegExp]>> = {
  'a missing HSM state': [
    (data) => {
      rmSync(join(data, 'hsm', 'us-phoenix-1.json'))
    },
    'fail',
    /hsm\/us-phoenix-1\.json is missing/,
    /restore a snapshot/,
  ],
  'a missing key of the administrator': [
    (data) => {
      rmSync(join(data, 'oci', 'administrator.pem'))
    },
    'fail',
    /administrator\.pem is missing/,
    /npm run reset-administrator/,
  ],
  'a root that others may read': [
    (data) => {
      chmodSync(join(data, 'hsm', 'us-ashburn-1.json'), 0o644)
    },
    'fail',
    /us-ashburn-1\.json is open to other users/,
    /^chmod 600 .*us-ashburn-1\.json$/,
  ],
  'a clock that was set back': [
    (data) => {
      const later = new Date(Date.now() + 3_600_000)
      utimesSync(join(data, 'regions', 'us-ashburn-1.db'), later, later)
    },
    'fail',
    /The clock is wrong: data was written 3[56]\d\d s after/,
    /NTP/,
  ],
  'a file in the place of a certificate': [
    (data) => {
      mkdirSync(join(data, 'tls'))
      writeFileSync(join(data, 'tls', 'server.pem'), 'none')
    },
    'fail',
    /server\.pem holds no certificate/,
    /makes a new one/,
  ],
}

test.each(Object.entries(harms))('%s is told with its remedy', (_, [harm, wanted, says, remedy]) =>
  withSnapshot(async ({ data }) => {
    await harm(data)
    const found = (await examine(data)).filter((each) => each.level === wanted)
    expect(found).toContainEqual({
      level: wanted,
      says: expect.stringMatching(says) as unknown,
      remedy: expect.stringMatching(remedy) as unknown,
    })
  }),
)

test('a port of a vault that another process has is told of', () =>
  withSnapshot(async ({ data }) => {
    const directory = new HostDirectory(data)
    const [row] = directory.ports()
    directory.close()
    const taken = await takePort(row?.port ?? 0)
    const failed = level(await examine(data), 'fail')
    await taken.close()
    expect(failed).toEqual([`Port ${row?.port ?? 0} of ${row?.region ?? ''} cannot be listened on (EADDRINUSE).`])
  }))

test('an old Node, a full disk and a setting that is none are told of', () => {
  expect(nodeCheck('22.1.0')[0]?.level).toBe('fail')
  const levels = [1e6, 5e8, 5e9].map((free) => diskCheck({ data: '/' }, free)[0]?.level)
  expect(levels).toEqual(['fail', 'warn', 'ok'])
  expect(settingsCheck({ REPLICATION_ACK: 'maybe' })[0]).toMatchObject({
    level: 'fail',
    says: expect.stringContaining('REPLICATION_ACK') as unknown,
  })
})

test('the command prints a line each, and ends with 1 where one is fail', () =>
  withSnapshot(async ({ data, to }) => {
    const well = await run('local/main.ts', ['doctor', '--data', data])
    expect(well).toMatchObject({ code: 0, err: '' })
    for (const line of well.out.trim().split('\n')) expect(line).toMatch(/^ok {4}\S/)
    rmSync(join(data, 'host.db'))
    const ill = await run('local/main.ts', ['doctor', '--data', data])
    expect(ill).toMatchObject({ code: 1, err: '' })
    expect(ill.out).toMatch(/^fail {2}\S+host\.db is missing\.\n {6}→ Put it back from a copy/m)
    const none = await run('local/main.ts', ['doctor', '--data', to])
    expect(none.code).toBe(1)
    expect(none.out).toMatch(/^fail {2}There is no directory \S+\.\n {6}→ Name the one of the cloud by --data/m)
    expect(existsSync(to)).toBe(false)
    mkdirSync(to)
    const empty = await run('local/main.ts', ['doctor', '--data', to])
    expect(empty.code).toBe(0)
    expect(empty.out).toMatch(/^warn {2}There is no cloud in/m)
    cpSync(join(data, 'hsm'), join(to, 'hsm'), { recursive: true })
    const rowless = await run('local/main.ts', ['doctor', '--data', to])
    expect(rowless).toMatchObject({ code: 1, err: '' })
    expect(rowless.out).toMatch(/^fail {2}The HSM's state is there .*\n {6}→ Restore the snapshot/m)
  }))
