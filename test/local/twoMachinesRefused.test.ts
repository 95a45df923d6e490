import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { until } from '../harness/until.ts'
import type { RegionExport } from '../../local/apart/apartRegion.ts'
import { signStatement } from '../../local/apart/signedStatement.ts'
import { judgeEnvelope } from '../../local/processes/judgeEnvelope.ts'
import { signMessage } from '../../lib/replication/messages/signedMessage.ts'
import { regionA, regionB, twoRegions } from '../harness/twoRegions.ts'
import { address, done, exported, home, introduce, other, refused, withMachines, type Name } from './machines.ts'
import { run } from './startedService.ts'

test('what is not to be trusted is refused in one line, and nothing is written', () =>
  withMachines(async (machines) => {
    const [data, otherData] = [machines.data(home), machines.data(other)]
    const stranger = machines.data('stranger' as Name)
    expect(await refused('start', '--data', otherData)).toContain('belongs to no tenancy yet')
    await exported(machines, home)
    expect(await refused('trust', machines.file(home), '--data', otherData)).toContain(
      'has not signed for us-phoenix-1 yet',
    )
    expect(await refused('trust', machines.file(home), '--data', data)).toContain(
      'is the statement of this region itself',
    )
    await done('init', '--data', stranger, '--region', 'eu-far-1', '--home', '--address', `127.0.0.4:${machines.port}`)
    await done('export', machines.file('stranger'), '--data', stranger)
    expect(await refused('trust', machines.file('stranger'), '--data', data)).toContain(
      'belongs to another tenancy, under another root',
    )
    await introduce(machines)
    expect(await refused('trust', machines.file('stranger'), '--data', otherData)).toContain(
      'belongs to another tenancy',
    )
    const said = JSON.parse(readFileSync(machines.file(home), 'utf8')) as RegionExport
    const own = { key: readFileSync(join(data, 'peer', 'key.pem'), 'utf8') }
    // Signed again by the region itself: these are its own faults, or its own malice.
    const altered = (name: string, change: object) => {
      writeFileSync(machines.file(name), JSON.stringify(signStatement({ ...said, ...change }, own)))
      return refused('trust', machines.file(name), '--data', otherData)
    }
    const strangers = JSON.parse(readFileSync(machines.file('stranger'), 'utf8')) as Record<string, unknown>
    expect(await altered('hsm', { hsmPublicKey: strangers['hsmPublicKey'] })).toContain('is of another HSM')
    expect(await altered('address', { peerAddress: 'nowhere' })).toContain(
      'An address of a region is a host and a port',
    )
    expect(await altered('certificate', { certificate: 'none' })).toContain('cannot be trusted')
    expect(await altered('format', { format: 'x' })).toContain('it is no statement of vaultspan region export')
    expect(await refused('forget', home, '--data', otherData)).toContain('is the home region, and stays')
    expect(await refused('init', '--data', data, '--region', home, '--address', '127.0.0.2:1')).toContain(
      'holds a region or a cloud already',
    )
    expect(await refused('export', machines.file('x'), '--data', machines.data('none' as Name))).toContain(
      'There is no region in',
    )
    expect(existsSync(machines.data('none' as Name))).toBe(false)
    const plain = await run('local/main.ts', ['start', '--data', data])
    expect(plain.err).toMatch(/^[^\n]* start it with vaultspan region start\.\n$/)
    await done('forget', other, '--data', data)
    expect(await refused('forget', other, '--data', data)).toContain('us-phoenix-1 is not trusted here.')
    rmSync(join(data, 'hsm', `${home}.json`))
    expect(await refused('start', '--data', data)).toContain('holds the region')
  }))

test('a statement that was altered on its way is refused, whatever of it was: the fingerprint stands for all of it', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const otherData = machines.data(other)
    const said = JSON.parse(readFileSync(machines.file(home), 'utf8')) as RegionExport
    const altered = (change: object) => {
      writeFileSync(machines.file('altered'), JSON.stringify({ ...said, ...change }))
      return refused('trust', machines.file('altered'), '--data', otherData)
    }
    const changes = [
      { peerAddress: '127.0.0.9:7650' },
      { origin: { ...said.origin, domain: 'evil.test' } },
      { tenancy: null },
      { statements: {} },
      { another: 'member' },
    ]
    for (const change of changes)
      expect(await altered(change)).toContain('cannot be trusted: it was altered on its way')
    await done('renew', '--data', machines.data(home))
    const certificate = readFileSync(join(machines.data(home), 'peer', 'cert.pem'), 'utf8')
    expect(await altered({ certificate })).toContain('it was altered on its way')
    expect(await altered({ format: 'vaultspan/region/1' })).toContain(
      'it is of an earlier version, which did not sign it',
    )
    expect(await altered({ signature: undefined })).toContain('it is not whole')
    // White space and the order of members say nothing.
    writeFileSync(machines.file('same'), JSON.stringify(Object.fromEntries(Object.entries(said).toReversed())))
    expect(await done('trust', machines.file('same'), '--data', otherData)).toContain('us-ashburn-1 is trusted')
  }))

test('an older statement, however genuine, does not replace a newer one: not under the same certificate, not under a former one', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const [data, otherData] = [machines.data(home), machines.data(other)]
    const [oldest, older] = ['oldest', 'older'].map((name) => machines.file(name))
    const keep = (as = '') => {
      copyFileSync(machines.file(home), as)
    }
    keep(oldest)
    await done('set', '--address', `${address[home]}:${machines.port + 2}`, '--data', data)
    await exported(machines, home)
    keep(older)
    await done('renew', '--data', data)
    await exported(machines, home)
    const trust = (file = '') => ['trust', file, '--data', otherData] as const
    await done(...trust(older))
    expect(await refused(...trust(oldest))).toMatch(
      /oldest\.json is refused: it is older than what is trusted of us-ashburn-1, which was exported at .* Export it again\.$/,
    )
    const newest = machines.file(home)
    await done(...trust(newest))
    for (const file of [oldest, older])
      expect(await refused(...trust(file))).toContain('it is older than what is trusted')
    await done(...trust(newest))
    // One without a time is of an earlier version: older than any that has one.
    const { issued: _issued, ...said } = JSON.parse(readFileSync(newest, 'utf8')) as RegionExport
    const own = { key: readFileSync(join(data, 'peer', 'key.pem'), 'utf8') }
    writeFileSync(machines.file('timeless'), JSON.stringify(signStatement(said, own)))
    expect(await refused(...trust(machines.file('timeless')))).toContain('it is older than what is trusted')
  }))

/** What a region's inbox answers to somebody with this certificate. */
function knock(
  host: string,
  port: number,
  body: string,
  pair?: { readonly cert: Buffer; readonly key: Buffer },
): Promise<string> {
  return new Promise((resolve) => {
    const options = { host, port, method: 'POST', path: '/queues/inbox', rejectUnauthorized: false, ...pair }
    request(options, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.once('end', () => {
        resolve(`${answer.statusCode ?? 0} ${text}`)
      })
    })
      .once('error', (cause: NodeJS.ErrnoException) => {
        resolve(cause.code ?? cause.message)
      })
      .end(body)
  })
}

test('a stranger’s certificate, and a trusted region’s with an envelope that is not its own, bring nothing in', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const process = await machines.start(home)
    const inbox = [address[home], machines.port + 1] as const
    const pairOf = (name: Name) => ({
      cert: readFileSync(join(machines.data(name), 'peer', 'cert.pem')),
      key: readFileSync(join(machines.data(name), 'peer', 'key.pem')),
    })
    expect(await knock(...inbox, '[]')).toContain('503 this certificate is trusted for no region here')
    await done('renew', '--data', machines.data(other))
    expect(await knock(...inbox, '[]', pairOf(other))).toContain('503 this certificate is trusted for no region here')
    const told = () => process.said.err.split('A certificate that is trusted for no region was refused').length - 1
    // What the process writes comes by a pipe of its own, later than its answer.
    await until(() => told() >= 2)
    expect(told()).toBe(2)
    // Its own certificate is no other region's.
    expect(await knock(...inbox, '[]', pairOf(home))).toContain('503')
  }))

test('a trusted region brings only what it has signed itself', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    await machines.start(home)
    const inbox = [address[home], machines.port + 1] as const
    const pair = {
      cert: readFileSync(join(machines.data(other), 'peer', 'cert.pem')),
      key: readFileSync(join(machines.data(other), 'peer', 'key.pem')),
    }
    expect(await knock(...inbox, '[]', pair)).toBe('204 ')
    expect(await knock(...inbox, 'x', pair)).toContain('400 The body is a JSON array of messages.')
    expect(await knock(...inbox, JSON.stringify([{ body: '{}' }]), pair)).toMatch(/^403 /)
  }))

test('a port that is taken is said in one line, and no process stays behind', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    await machines.start(home)
    await done('set', '--address', `${address[home]}:${machines.port + 1}`, '--data', machines.data(other))
    expect(await refused('start', '--data', machines.data(other))).toMatch(/^Port \d+ is taken by another process/)
  }))

test('an envelope is taken from the region that signed it, and from no other that brings it', async () => {
  const cloud = await twoRegions()
  const to = { tenancyId: cloud.tenancyId, destination: regionB }
  const text = await signMessage(cloud.a.hsm, to, cloud.clock.now, { kind: 'identity', records: [] })
  await judgeEnvelope(cloud.b.hsm)(text)
  await judgeEnvelope(cloud.b.hsm, regionA)(text)
  await expect(judgeEnvelope(cloud.b.hsm, 'eu-far-1')(text)).rejects.toThrow(
    `An envelope of ${regionA} was brought by eu-far-1.`,
  )
})
