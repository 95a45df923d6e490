import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { aReplicatedKey, kmsOf, opens } from './apartKms.ts'
import { home, introduce, other, refused, resolveMachines, withMachines, type Machines } from './machines.ts'
import { run, startProcess, type StartedProcess } from './startedService.ts'
import { createKey, decrypt, encrypt, plaintext } from './vaultSteps.ts'

let forgetNames: () => void
beforeAll(() => {
  forgetNames = resolveMachines()
})
afterAll(() => {
  forgetNames()
})

async function stopped(process: StartedProcess): Promise<void> {
  process.signal('SIGTERM')
  expect(await process.exited).toBe(0)
}

function putBack(machines: Machines, copy: string): void {
  const folder = join(machines.data(home), 'regions')
  for (const suffix of ['.db', '.db-wal', '.db-shm']) {
    rmSync(join(folder, home + suffix), { force: true })
    if (existsSync(join(copy, home + suffix))) cpSync(join(copy, home + suffix), join(folder, home + suffix))
  }
}

const olderCopy =
  /us-ashburn-1\.db is an older copy: us-phoenix-1 knows of \d+ changes of us-ashburn-1 that are missing in it\. .* start once with --recover,/

test('an older database is noticed at the start, and by --recover takes back what the other region has', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const copy = join(machines.directory, 'copy')
    let first = await machines.start(home)
    const second = await machines.start(other)
    const kms = kmsOf(machines)
    const { vault, replica } = await aReplicatedKey(kms)
    await stopped(first)
    cpSync(join(machines.data(home), 'regions'), copy, { recursive: true })
    first = await machines.start(home)
    const keyId = await createKey(kms.call, vault, kms.tenancyId)
    const ciphertext = await encrypt(kms.call, vault.endpoint, keyId)
    await opens(kms, replica, keyId, ciphertext)
    await stopped(first)
    putBack(machines, copy)
    expect(await refused('start', '--data', machines.data(home))).toMatch(olderCopy)
    await stopped(second)
    expect(await refused('start', '--recover', '--data', machines.data(home))).toMatch(
      /^--recover takes back what the other regions have, and us-phoenix-1 does not answer/,
    )
    await machines.start(other)
    await machines.start(home, '--recover')
    expect(await decrypt(kms.call, vault.endpoint, keyId, ciphertext)).toBe(plaintext)
    const health = await fetch(`${kms.endpoint(home)}/healthz`)
    expect(await health.json()).toMatchObject({ status: 'degraded', putBack: { lostVaults: 0 } })
    // It counts on from there: the next change takes the next revision, and arrives.
    const after = await createKey(kms.call, vault, kms.tenancyId)
    await opens(kms, replica, after, await encrypt(kms.call, vault.endpoint, after))
  }))

test('an older database that has gone on by itself is noticed when the other region comes; the region ends, and stays so', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const copy = join(machines.directory, 'copy')
    let first = await machines.start(home)
    let second = await machines.start(other)
    const kms = kmsOf(machines)
    const { vault, replica } = await aReplicatedKey(kms)
    await stopped(first)
    cpSync(join(machines.data(home), 'regions'), copy, { recursive: true })
    first = await machines.start(home)
    const keyId = await createKey(kms.call, vault, kms.tenancyId)
    const ciphertext = await encrypt(kms.call, vault.endpoint, keyId)
    await opens(kms, replica, keyId, ciphertext)
    await stopped(first)
    await stopped(second)
    putBack(machines, copy)
    first = await machines.start(home)
    // More than it lacks: from the next start on it has as many changes as the other region knows of.
    for (let made = 0; made < 3; made += 1) await createKey(kms.call, vault, kms.tenancyId)
    await stopped(first)
    first = await machines.start(home)
    second = await machines.start(other)
    // Where the clock goes on, what is done every minute is done at once.
    await run('local/main.ts', ['faults', 'clock', '+1s', '--data', machines.data(home)])
    expect(await first.exited).toBe(1)
    expect(first.said.err).toMatch(olderCopy)
    await stopped(second)
    // Nobody is there to ask.
    expect(await refused('start', '--data', machines.data(home))).toMatch(olderCopy)
    await machines.start(other)
    first = await machines.start(home, '--recover')
    expect(await decrypt(kms.call, vault.endpoint, keyId, ciphertext)).toBe(plaintext)
    await stopped(first)
    await machines.start(home)
  }))

test('a snapshot of one region, taken while it runs, is restored, and takes back what came since', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const first = await machines.start(home)
    await machines.start(other)
    const kms = kmsOf(machines)
    const { vault, keyId, replica } = await aReplicatedKey(kms)
    const early = await encrypt(kms.call, vault.endpoint, keyId)
    const [kept, restored] = [join(machines.directory, 'kept'), join(machines.directory, 'restored')]
    const snapshot = await run('local/main.ts', ['snapshot', kept, '--data', machines.data(home)])
    expect(snapshot).toMatchObject({ code: 0, err: '', out: expect.stringContaining(`: ${home} as of`) as string })
    const since = await createKey(kms.call, vault, kms.tenancyId)
    const late = await encrypt(kms.call, vault.endpoint, since)
    await opens(kms, replica, since, late)
    await stopped(first)
    const made = await run('local/main.ts', ['restore', kept, '--data', restored])
    expect(made).toMatchObject({ code: 0, err: '' })
    expect(made.out).toContain('npm run region -- start --data')
    expect(await refused('start', '--data', restored)).toMatch(olderCopy)
    const again = startProcess('local/main.ts', ['region', 'start', '--recover', '--data', restored])
    try {
      await again.hasSaid('Stop with Ctrl-C.')
      await opens(kms, vault.endpoint, since, late)
      expect(await decrypt(kms.call, vault.endpoint, keyId, early)).toBe(plaintext)
    } finally {
      again.signal('SIGTERM')
      await again.exited
    }
  }))
