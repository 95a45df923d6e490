import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import { serveFaults } from '../../local/control/faultServer.ts'
import { HostDirectory } from '../../local/directory/hostDirectory.ts'
import { InboxGate } from '../../local/processes/inboxGate.ts'
import { copyDatabases, type CopiedRegion } from '../../local/snapshot/copyDatabases.ts'
import { takeSnapshot } from '../../local/snapshot/takeSnapshot.ts'
import { until } from '../harness/until.ts'
import { freeBase } from './freePorts.ts'
import { callerByProfile } from './signedCaller.ts'
import { inCloud } from './inCloud.ts'
import { runOnDisk, testOnDisk } from './ownDisk.ts'
import { manifestIn, withSnapshot } from './snapshotHarness.ts'
import { isReady, run, startProcess, withDirectory, type StartedProcess } from './startedService.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate, type MadeVault } from './vaultSteps.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

function serve(data: string, base: number): StartedProcess {
  const environment = { REQUIRE_SERVICE_POLICY: 'off', PREPARE_KEYS: 'off' }
  return startProcess('local/main.ts', ['start', '--data', data, '--port', String(base)], environment)
}

interface Acknowledged {
  readonly keyId: string
  readonly ciphertext: string
}

/** Makes keys and encrypts with old and new ones until it is stopped. */
function load(data: string, vault: MadeVault, compartmentId: string) {
  const call = callerByProfile(data)
  const acknowledged: Acknowledged[] = []
  let isOver = false
  const work = async () => {
    while (!isOver) {
      const keyId = await createKey(call, vault, compartmentId)
      acknowledged.push({ keyId, ciphertext: await encrypt(call, vault.endpoint, keyId) })
      await call('POST', `${vault.endpoint}/20180608/keys/${keyId}/keyVersions`, {})
      acknowledged.push({ keyId, ciphertext: await encrypt(call, vault.endpoint, keyId) })
    }
  }
  const ended = Promise.all([work(), work(), work()])
  return {
    acknowledged,
    stop: async () => {
      isOver = true
      await ended
    },
  }
}

const endpointsOf = (data: string) =>
  JSON.parse(readFileSync(join(data, 'endpoints.json'), 'utf8')) as {
    readonly tenancyId: string
    readonly regions: readonly { readonly region: string; readonly endpoint: string }[]
  }

test('what was acknowledged before a snapshot of a busy service opens in both regions after its restore', () =>
  withDirectory(async (directory) => {
    const [data, restored] = [join(directory, 'data'), join(directory, 'restored')]
    const base = await freeBase()
    const service = serve(data, base)
    await isReady(service)
    const { tenancyId, regions } = endpointsOf(data)
    const source = regions[0]?.endpoint ?? ''
    const call = callerByProfile(data)
    const vault = await createVault(call, source, tenancyId)
    const replica = await replicate(call, source, vault, phoenix)
    const busy = load(data, vault, tenancyId)
    const before: (readonly Acknowledged[])[] = []
    for (const name of ['one', 'two', 'three']) {
      const count = busy.acknowledged.length + 12
      await until(() => busy.acknowledged.length >= count)
      before.push([...busy.acknowledged])
      const taken = await run('local/main.ts', ['snapshot', join(directory, name), '--data', data])
      expect(taken).toMatchObject({ code: 0, err: '' })
      expect(taken.out).toMatch(/us-ashburn-1, us-phoenix-1 as of \S+; \d+ files, \d+ bytes\.\n$/)
    }
    await busy.stop()
    service.killAll()
    await service.exited
    // It has left what it had not brought into its files.
    before.push(busy.acknowledged)
    const atRest = await run('local/main.ts', ['snapshot', join(directory, 'four'), '--data', data])
    expect(atRest).toMatchObject({ code: 0, err: '' })
    for (const [index, name] of ['one', 'two', 'three', 'four'].entries()) {
      rmSync(restored, { recursive: true, force: true })
      const made = await run('local/main.ts', ['restore', join(directory, name), '--data', restored])
      expect(made).toMatchObject({ code: 0, err: '' })
      const again = serve(restored, base)
      await isReady(again)
      const caller = callerByProfile(restored)
      for (const { keyId, ciphertext } of before[index] ?? []) {
        for (const endpoint of [vault.endpoint, replica]) {
          expect(await decrypt(caller, endpoint, keyId, ciphertext)).toBe(plaintext)
        }
      }
      for (const { endpoint } of regions) {
        expect(await (await fetch(`${endpoint}/healthz`)).json()).not.toHaveProperty('putBack')
      }
      again.signal('SIGTERM')
      expect(await again.exited).toBe(0)
    }
  }))

test('a snapshot of a cloud at rest is complete, its owner’s alone, and leaves the cloud as it was', () =>
  withSnapshot(async ({ data, to }) => {
    await takeSnapshot(data, to)
    const { files, marks } = manifestIn(to)
    const names = [
      'host.db',
      'oci/administrator.pem',
      `hsm/${ashburn}.json`,
      `regions/${phoenix}.db`,
      'tenancyRoot.pem',
    ]
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
    expect(files.filter(({ name }) => /sock$|wal$|shm$/.test(name))).toEqual([])
    expect(Object.keys(marks)).toEqual([ashburn, phoenix])
    for (const { name } of files) expect([name, statSync(join(to, name)).mode & 0o777]).toEqual([name, 0o600])
    expect(statSync(to).mode & 0o777).toBe(0o700)
    await inCloud(data, async () => undefined)
  }))

test.each([
  ['no cloud', (data: string) => [`${data}-none`, `${data}-to`] as const, /There is no cloud in/],
  ['a folder that is not empty', (data: string) => [data, join(data, '..')] as const, /is not empty/],
  ['a folder in the data directory', (data: string) => [data, join(data, 'in')] as const, /must not lie in/],
])('%s is refused, and nothing is made', (_, at: (data: string) => readonly [string, string], says) =>
  withSnapshot(async ({ data }) => {
    const [from, to] = at(data)
    await expect(takeSnapshot(from, to)).rejects.toThrow(says)
    expect(existsSync(`${data}-to`) || existsSync(join(data, 'in'))).toBe(false)
  }),
)

test('the HSMs’ states are copied before the service is asked for the rest', () =>
  withSnapshot(async ({ data, to }) => {
    const directory = new HostDirectory(data)
    const found: boolean[] = []
    const close = await serveFaults(directory, undefined as never, {
      snapshot: async () => {
        found.push(existsSync(join(to, 'hsm', `${ashburn}.json`)), existsSync(join(to, 'hsm', `${phoenix}.json`)))
        throw new Error('That is enough.')
      },
    })
    await expect(takeSnapshot(data, to)).rejects.toThrow('That is enough.')
    expect([found, existsSync(to)]).toEqual([[true, true], false])
    await close?.()
    directory.close()
  }))

test('a root that is rotated between the states and the stores ends the snapshot', () =>
  withSnapshot(async ({ data, to }) => {
    const directory = new HostDirectory(data)
    const close = await serveFaults(directory, undefined as never, {
      snapshot: async () => {
        await openSoftwareHsm({ realm, region: ashburn, file: join(data, 'hsm', `${ashburn}.json`) }).rotation.begin()
        return JSON.stringify({ marks: {}, at: 0 })
      },
    })
    await expect(takeSnapshot(data, to)).rejects.toThrow('A root was rotated')
    expect(existsSync(to)).toBe(false)
    await close?.()
    directory.close()
  }))

test('no store is frozen before all inboxes are held, and none is released before all are frozen', () =>
  withSnapshot(async ({ data, to }) => {
    const said: string[] = []
    const region = (name: string, isSlow: boolean): CopiedRegion => {
      const say = async (what: string) => {
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 20))
        said.push(what)
      }
      return {
        name,
        holdInbox: () => say('hold'),
        freeze: () => say('freeze').then(() => 1),
        releaseInbox: () => say('release'),
        thaw: () => say('thaw'),
      }
    }
    const directory = new HostDirectory(data)
    await copyDatabases(directory, [region(ashburn, true), region(phoenix, false)], to)
    directory.close()
    expect(said).toEqual(['hold', 'hold', 'freeze', 'freeze', 'release', 'release', 'thaw', 'thaw'])
  }))

test('a region that cannot be frozen ends the snapshot, and all go on', () =>
  withSnapshot(async ({ data, to }) => {
    const said: string[] = []
    const region = (name: string): CopiedRegion => ({
      name,
      holdInbox: async () => undefined,
      freeze: () => (name === phoenix ? Promise.reject(new Error('It is being read.')) : Promise.resolve(1)),
      releaseInbox: async () => void said.push(`release ${name}`),
      thaw: async () => void said.push(`thaw ${name}`),
    })
    const directory = new HostDirectory(data)
    await expect(copyDatabases(directory, [region(ashburn), region(phoenix)], to)).rejects.toThrow('It is being read.')
    directory.close()
    expect(said.toSorted()).toEqual([`release ${ashburn}`, `release ${phoenix}`, `thaw ${ashburn}`, `thaw ${phoenix}`])
  }))

test('a gate that is held lets what is being stored end, and nothing else begin', async () => {
  const gate = new InboxGate()
  const said: string[] = []
  let finish: () => void = () => undefined
  const first = gate.pass(() => new Promise<void>((resolve) => (finish = resolve))).then(() => said.push('first'))
  const held = gate.hold().then(() => said.push('held'))
  const second = gate.pass(async () => void said.push('second'))
  await new Promise((resolve) => setImmediate(resolve))
  expect([said, gate.isHeld]).toEqual([[], true])
  finish()
  await Promise.all([first, held])
  await new Promise((resolve) => setImmediate(resolve))
  expect(said.toSorted()).toEqual(['first', 'held'])
  gate.release()
  await second
  expect([said.at(-1), gate.isHeld]).toEqual(['second', false])
})

testOnDisk('a snapshot onto a full disk, and a restore, name the file that found no room, and leave nothing', () =>
  withSnapshot(async ({ data, snapshot, to }) => {
    const disk = join(to, 'disk')
    const full = (name: string) => ({
      code: 1,
      out: '',
      err: expect.stringMatching(`^${disk}/${name}: its disk is full; make room on it, then try again\\.\n$`) as string,
    })
    const onDisk = (...words: string[]) => runOnDisk(disk, '64k', words)
    expect(await onDisk('snapshot', join(disk, 'copy'), '--data', data)).toEqual(full('copy/regions/.*db'))
    expect(await onDisk('restore', snapshot, '--data', join(disk, 'data'))).toEqual(full('data/.*db'))
  }),
)
