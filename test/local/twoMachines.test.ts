import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { answered } from '../harness/until.ts'
import { aReplicatedKey, kmsOf, opens } from './apartKms.ts'
import {
  address,
  done,
  exported,
  home,
  introduce,
  other,
  refused,
  resolveMachines,
  trusts,
  withMachines,
} from './machines.ts'
import { operatorEvents } from './operatorEvents.ts'
import { run } from './startedService.ts'
import { createKey, decrypt, encrypt, plaintext } from './vaultSteps.ts'

let forgetNames: () => void
beforeAll(() => {
  forgetNames = resolveMachines()
})
afterAll(() => {
  forgetNames()
})

test('the whole story over mutual TLS: replicate, fail over after kill -9, a partition, and back', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const first = await machines.start(home, '--workers', '2')
    const second = await machines.start(other, '--workers', '2')
    const kms = kmsOf(machines)
    const { call, tenancyId } = kms
    const { vault, keyId, replica } = await aReplicatedKey(kms)
    expect(replica).toContain(`.kms.${other}.localhost:${machines.port}`)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    await opens(kms, replica, keyId, ciphertext)

    // The other machine is cut off: what is answered meanwhile arrives when it is back.
    const faults = (...words: readonly string[]) =>
      run('local/main.ts', ['faults', ...words, '--data', machines.data(other)])
    expect((await faults('cut', other)).code).toBe(0)
    const during = await createKey(call, vault, tenancyId)
    const sealed = await encrypt(call, vault.endpoint, during)
    expect((await faults('heal')).code).toBe(0)
    await opens(kms, replica, during, sealed)

    // The home region's machine dies; the other goes on, and takes what comes after.
    first.signal('SIGKILL')
    expect(await first.exited).toBe('SIGKILL')
    expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
    await machines.start(home, '--workers', '2')
    const after = await answered(() => createKey(call, vault, tenancyId))
    const last = await encrypt(call, vault.endpoint, after)
    await opens(kms, replica, after, last)
    expect(second.said.err).not.toContain('A certificate that is trusted for no region')
  }))

test('a renewed certificate is refused until it is trusted, and a changed address is followed; nothing is lost meanwhile', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const source = await machines.start(home)
    let target = await machines.start(other)
    const kms = kmsOf(machines)
    const { call, tenancyId } = kms
    const { vault, replica } = await aReplicatedKey(kms)
    target.signal('SIGTERM')
    await target.exited
    await done('renew', '--data', machines.data(other))
    const moved = `${address[other]}:${machines.port + 2}`
    await done('set', '--address', moved, '--data', machines.data(other))
    target = await machines.start(other)
    const keyId = await createKey(call, vault, tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    expect((await call('POST', `${replica}/20180608/decrypt`, { keyId, ciphertext })).status).toBe(404)
    source.signal('SIGTERM')
    target.signal('SIGTERM')
    await Promise.all([source.exited, target.exited])
    expect(await refused('forget', other, '--data', machines.data(home))).toContain('Delete the replicas')
    await exported(machines, other)
    await trusts(machines, home, other)
    // The first trust was before there was anything to audit.
    expect(operatorEvents(machines.data(home), home)).toMatchObject([['TrustRegion', { peerAddress: moved }]])
    const { reports } = await verifyAudit([machines.data(home), machines.data(other)], { now: Date.now() })
    expect(reports.flatMap(({ findings }) => findings)).toEqual([])
    await machines.start(home)
    await machines.start(other)
    await opens(kms, replica, keyId, ciphertext)
  }))
