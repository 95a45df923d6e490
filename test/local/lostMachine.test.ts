import { rmSync } from 'node:fs'
import { answered, until } from '../harness/until.ts'
import { aReplicatedKey, kmsOf, opens } from './apartKms.ts'
import { done, home, introduce, other, refused, resolveMachines, withMachines } from './machines.ts'
import type { RegionHealth } from '../../local/region/regionHealth.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate } from './vaultSteps.ts'

/** As docs/two-machines.md has it: a machine is lost with all its files, and a new one takes its place. */

let forgetNames: () => void
beforeAll(() => {
  forgetNames = resolveMachines()
})
afterAll(() => {
  forgetNames()
})

function today(compartmentId: string): string {
  const day = new Date().toISOString().slice(0, 10)
  return new URLSearchParams({
    compartmentId,
    startTime: `${day}T00:00:00Z`,
    endTime: `${day}T23:59:00Z`,
  }).toString()
}

test('a region whose machine is lost is made anew under its name, and gets its replicas again', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    await machines.start(home)
    const lost = await machines.start(other)
    const kms = kmsOf(machines)
    const { call, tenancyId, endpoint } = kms
    const { vault, keyId } = await aReplicatedKey(kms)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    const gone = await createVault(call, endpoint(other), tenancyId)
    const kept = await replicate(call, endpoint(other), gone, home)
    const goneKey = await createKey(call, gone, tenancyId)
    const keptText = await encrypt(call, gone.endpoint, goneKey)

    lost.signal('SIGKILL')
    await lost.exited
    rmSync(machines.data(other), { recursive: true })
    expect(await decrypt(call, vault.endpoint, keyId, ciphertext)).toBe(plaintext)
    await machines.init(other)
    // Made while nothing can be told: it waits for a region that never comes.
    const since = await createKey(call, vault, tenancyId)
    const inVain = ['forget', other, '--data', machines.data(home)] as const
    expect(await refused(...inVain)).toMatch(/Delete the replicas \(DeleteVaultReplica\) first; .* add --lost\.$/)
    expect(await done(...inVain, '--lost')).toMatch(/have none now: 1\. Replicas here whose source is lost, .*: 1\.\n$/)
    await introduce(machines)
    await machines.start(other)

    const actions = `${endpoint(home)}/20180608/vaults/${vault.id}/actions`
    expect((await answered(async () => call('GET', `${actions}/listReplicas`))).list).toEqual([])
    const replica = await replicate(call, endpoint(home), vault, other)
    await opens(kms, replica, keyId, ciphertext)
    await opens(kms, replica, since, await encrypt(call, vault.endpoint, since))
    // Of what had its source there only the replica is left: it decrypts on.
    expect(await decrypt(call, kept, goneKey, keptText)).toBe(plaintext)
    for (const name of [home, other]) {
      const health = async () => (await (await fetch(`${endpoint(name)}/healthz`)).json()) as RegionHealth
      // What opens there may be acknowledged a moment later.
      await until(async () => (await health()).links.every(({ atRisk }) => atRisk === 0))
      const { queues, links } = await health()
      expect([name, queues.deadLetters, links.length]).toEqual([name, 0, 1])
    }
    // Told anew under its name, and refused as what it was: the HSM is another one.
    const events = await call('GET', `${endpoint(home)}/20190901/auditEvents?${today(tenancyId)}`)
    expect(events.list.filter(({ eventType }) => String(eventType).includes('ForgetRegion'))).toHaveLength(1)
  }))
