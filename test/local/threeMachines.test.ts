import { whenThere } from '../harness/until.ts'
import { aReplicatedKey, kmsOf, opens, type Kms } from './apartKms.ts'
import {
  address,
  exported,
  home,
  introduce,
  other,
  refused,
  resolveMachines,
  third,
  trusts,
  withMachines,
  type Machines,
  type Name,
} from './machines.ts'
import { run } from './startedService.ts'
import { createKey, decrypt, encrypt, plaintext } from './vaultSteps.ts'

let forgetNames: () => void
beforeAll(() => {
  forgetNames = resolveMachines()
})
afterAll(() => {
  forgetNames()
})

/** Makes the third and has every other, which may run, know it. */
async function join(machines: Machines): Promise<void> {
  await machines.init(third)
  await exported(machines, third)
  await trusts(machines, home, third)
  await exported(machines, home)
  await trusts(machines, third, home)
  await exported(machines, third)
  await exported(machines, other)
  await trusts(machines, other, third)
  await trusts(machines, third, other)
}

/** What the audits of regions that run say of acts at their hosts. */
async function saidAtTheHost({ call, tenancyId, endpoint }: Kms, regions: readonly Name[]): Promise<unknown[]> {
  const range = `startTime=${new Date(Date.now() - 3_600_000).toISOString()}&endTime=${new Date(Date.now() + 60_000).toISOString()}`
  const said: unknown[] = []
  for (const region of regions) {
    const listed = `${endpoint(region)}/20190901/auditEvents?compartmentId=${tenancyId}&${range}`
    for (let page: string | undefined = ''; page !== undefined;) {
      const { list, nextPage } = await call('GET', page === '' ? listed : `${listed}&page=${page}`)
      for (const { data } of list as unknown as { data: Record<string, unknown> }[])
        if ((data['identity'] as Record<string, unknown>)['authType'] === 'host')
          said.push([region, data['eventName'], data['resourceName']])
      page = nextPage
    }
  }
  return said
}

test('a third region joins while the two run, takes a replica, is killed, cut off and healed; the first pair goes on', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    const first = await machines.start(home)
    await machines.start(other)
    const kms = kmsOf(machines)
    const { call, tenancyId } = kms
    const pair = await aReplicatedKey(kms)
    const sealed = await encrypt(call, pair.vault.endpoint, pair.keyId)

    // Refused by the region that runs, which goes on.
    await exported(machines, home)
    expect(await refused('trust', machines.file(home), '--data', machines.data(home))).toContain(
      'is the statement of this region itself',
    )
    expect(await refused('forget', other, '--data', machines.data(home))).toContain('Delete the replicas')
    expect(await refused('set', '--port', '1', '--data', machines.data(home))).toContain('in use by another Vaultspan')
    await join(machines)
    const newcomer = await machines.start(third)
    // The administrator's key came by the identity log.
    await whenThere(async () =>
      (await call('GET', `${kms.endpoint(third)}/20180608/vaults?compartmentId=${tenancyId}`)).status === 200
        ? true
        : undefined,
    )
    expect(await saidAtTheHost(kms, [home, other])).toEqual([
      [home, 'TrustRegion', third],
      [other, 'TrustRegion', third],
    ])
    const { vault, keyId, replica } = await aReplicatedKey(kms, third)
    expect(replica).toContain(`.kms.${third}.localhost:${machines.port}`)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    await opens(kms, replica, keyId, ciphertext)

    newcomer.signal('SIGKILL')
    await newcomer.exited
    const meanwhile = await createKey(call, vault, tenancyId)
    const kept = await encrypt(call, vault.endpoint, meanwhile)
    await machines.start(third)
    await opens(kms, replica, meanwhile, kept)

    const faults = (...words: readonly string[]) =>
      run('local/main.ts', ['faults', ...words, '--data', machines.data(home)])
    expect(await faults('cut', third)).toMatchObject({ code: 0 })
    const during = await createKey(call, vault, tenancyId)
    const late = await encrypt(call, vault.endpoint, during)
    expect(await decrypt(call, pair.replica, pair.keyId, sealed)).toBe(plaintext)
    expect(await faults('heal')).toMatchObject({ code: 0 })
    await opens(kms, replica, during, late)

    // The home region dies: both replicas serve.
    first.signal('SIGKILL')
    await first.exited
    expect(await decrypt(call, replica, keyId, ciphertext)).toBe(plaintext)
    expect(await decrypt(call, pair.replica, pair.keyId, sealed)).toBe(plaintext)
  }))

test('each region says of itself and its peers how they stand, and doctor finds nothing wrong', () =>
  withMachines(async (machines) => {
    await introduce(machines)
    await machines.start(home, '--workers', '2')
    await machines.start(other, '--workers', '2')
    await aReplicatedKey(kmsOf(machines))
    const ask = (name: typeof home | typeof other, ...words: readonly string[]) =>
      run('local/main.ts', [...words, '--data', machines.data(name)])
    for (const name of [home, other]) {
      // Of a region that is slow to answer on a busy machine they say otherwise for a moment.
      await whenThere(async () => (await ask(name, 'status')).out.includes(`${name}  ok`) || undefined)
      const doctor = await whenThere(async () => {
        const answer = await ask(name, 'doctor')
        return answer.code === 0 ? answer : undefined
      })
      expect(doctor.err).toBe('')
      expect(doctor.out).not.toContain('fail ')
      expect(doctor.out).toContain(`the certificate ${machines.data(name)}/peer/cert.pem is valid until`)
      expect(doctor.out).toContain(`${address[name]}:${machines.port + 1}`)
      expect((await ask(name, 'faults', 'kill', name, '1')).out).toBe(
        `worker 1 of ${name} is ended; it is started again\n`,
      )
    }
    const cut = await ask(home, 'faults', 'cut', other)
    expect(cut.out).toBe(`${other} is cut off\n`)
    for (const command of ['status', 'doctor'])
      await whenThere(async () => (await ask(home, command)).out.includes(`${other} takes no messages`) || undefined)
    await ask(home, 'faults', 'heal')
  }))
