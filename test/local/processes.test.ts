import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { askFaultServer } from '../../local/control/faultServer.ts'
import { peerSocketPath } from '../../local/processes/peerSocket.ts'
import { freeBase } from './freePorts.ts'
import { post, refusedMessages } from './peerMessages.ts'
import { answered, until } from '../harness/until.ts'
import { callerByProfile, type SignedCaller } from './signedCaller.ts'
import { isReady, startProcess, startService, withDirectory, type StartedProcess } from './startedService.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate } from './vaultSteps.ts'

/** `npm start` as it is: a process for each region, and one that looks after them. */

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

interface Started {
  readonly directory: string
  readonly service: StartedProcess
  readonly call: SignedCaller
  readonly tenancyId: string
  readonly home: string
  readonly other: string
}

interface Endpoints {
  readonly regions: readonly { readonly endpoint: string }[]
  readonly tenancyId: string
}

async function withService(body: (started: Started) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const service = startService(directory, await freeBase())
    try {
      await isReady(service)
      const { regions, tenancyId } = JSON.parse(readFileSync(join(directory, 'endpoints.json'), 'utf8')) as Endpoints
      const [home = '', other = ''] = regions.map(({ endpoint }) => endpoint)
      const call = callerByProfile(directory)
      await call('POST', `${home}/20160918/policies`, {
        compartmentId: tenancyId,
        name: 'replication',
        description: 'd',
        statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
      })
      await body({ directory, service, call, tenancyId, home, other })
    } finally {
      service.signal('SIGTERM')
      await service.exited
    }
  })
}

test('a region whose process is killed leaves the other untouched, loses nothing, and comes back where it was', () =>
  withService(async ({ directory, call, tenancyId, home }) => {
    const vault = await createVault(call, home, tenancyId)
    const replica = await replicate(call, home, vault, phoenix)
    const keyId = await createKey(call, vault, tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    const made = [{ keyId, ciphertext }]
    const kill = { isDone: false }
    const load = (async () => {
      while (!kill.isDone) {
        const next = await createKey(call, vault, tenancyId).catch(() => undefined)
        if (next === undefined) continue
        const opened = await encrypt(call, vault.endpoint, next).catch(() => undefined)
        if (opened !== undefined) made.push({ keyId: next, ciphertext: opened })
      }
    })()
    await until(() => made.length > 5)
    expect(await askFaultServer(directory, `kill ${ashburn}`)).toMatch(/^ok: /)
    kill.isDone = true
    await load
    for (const each of made) expect(await decrypt(call, replica, each.keyId, each.ciphertext)).toBe(plaintext)
    await answered(() => fetch(`${home}/healthz`))
    for (const each of made) {
      expect(await answered(() => decrypt(call, vault.endpoint, each.keyId, each.ciphertext))).toBe(plaintext)
    }
  }))

test('a region that is killed again and again is started again each time', () =>
  withService(async ({ directory, home, other }) => {
    for (let round = 0; round < 3; round += 1) {
      await askFaultServer(directory, `kill ${phoenix}`)
      expect((await fetch(`${home}/healthz`)).status).toBe(200)
      await answered(() => fetch(`${other}/healthz`))
    }
  }))

test('a vault gets a replica in a region that is down, at a port where it answers later', () =>
  withService(async ({ directory, call, tenancyId, home }) => {
    const vault = await createVault(call, home, tenancyId)
    await askFaultServer(directory, `kill ${phoenix}`)
    const replica = await replicate(call, home, vault, phoenix)
    const keyId = await createKey(call, vault, tenancyId)
    const ciphertext = await encrypt(call, vault.endpoint, keyId)
    expect(await answered(() => decrypt(call, replica, keyId, ciphertext))).toBe(plaintext)
  }))

test('faults reach every process: one refuses, the clock goes on, also in a region that is started again', () =>
  withService(async ({ directory, call, tenancyId, home, other }) => {
    const vault = await createVault(call, home, tenancyId)
    const replica = await replicate(call, home, vault, phoenix)
    expect(await askFaultServer(directory, `refuse ${phoenix}`)).toBe('ok: us-phoenix-1 answers 503')
    expect((await fetch(`${other}/healthz`)).status).toBe(503)
    expect((await fetch(`${home}/healthz`)).status).toBe(200)
    await askFaultServer(directory, 'heal')
    const keyId = await createKey(call, vault, tenancyId)
    const timeOfDeletion = new Date(Date.now() + 7.5 * 86_400_000).toISOString()
    const path = `/20180608/keys/${keyId}`
    const scheduled = await call('POST', `${vault.endpoint}${path}/actions/scheduleDeletion`, { timeOfDeletion })
    expect(scheduled.status).toBe(200)
    await askFaultServer(directory, `kill ${ashburn}`)
    expect(await askFaultServer(directory, 'clock +8d')).toBe('ok: the clock is 691200 s ahead')
    for (const endpoint of [vault.endpoint, replica]) {
      await answered(async () => {
        const { body } = await call('GET', endpoint + path)
        if (body['lifecycleState'] !== 'DELETED') throw new Error('not yet')
      })
    }
    expect(await askFaultServer(directory, 'clock 8')).toMatch(/^error: The clock goes on by a step written like \+8d/)
  }))

test('no process of a region outlives the one that looks after them', () =>
  withService(async ({ directory, service }) => {
    for (const region of [ashburn, phoenix]) expect(await isServed(directory, region)).toBe(true)
    service.signal('SIGKILL')
    await service.exited
    for (const region of [ashburn, phoenix]) {
      await until(async () => !(await isServed(directory, region)))
    }
  }))

test('nor does one whose event loop stands still', () =>
  withDirectory(async (directory) => {
    const preload = pathToFileURL(join(import.meta.dirname, 'standStill.mjs')).href
    const environment = { NODE_OPTIONS: `--import=${preload}`, STAND_STILL: directory }
    const args = ['--data', join(directory, 'data'), '--port', String(await freeBase())]
    const service = startProcess('local/main.ts', args, environment)
    await isReady(service)
    process.kill(Number(readFileSync(join(directory, `${phoenix}.pid`), 'utf8')), 'SIGUSR2')
    await until(() => existsSync(join(directory, `${phoenix}.still`)))
    service.signal('SIGKILL')
    // Its output ends only when the last process that writes to it has ended.
    await service.exited
    expect(await isServed(join(directory, 'data'), phoenix)).toBe(false)
  }))

function isServed(directory: string, region: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(peerSocketPath(directory, region))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}

describe('what another region may not send', () => {
  // That nothing of it is stored is shown where no other region sends anything: peerInbox.test.ts.
  test('is refused by the process of a region', () =>
    withService(async ({ directory }) => {
      for (const [name, path, body, status] of refusedMessages) {
        expect([name, await post(peerSocketPath(directory, ashburn), path, body)]).toEqual([name, status])
      }
    }))
})

test('a region that cannot be opened ends the start with one line, and leaves no process and no socket', () =>
  withDirectory(async (directory) => {
    const base = await freeBase()
    const first = startService(directory, base)
    await isReady(first)
    first.signal('SIGTERM')
    expect(await first.exited).toBe(0)
    writeFileSync(join(directory, 'regions', `${phoenix}.db`), 'no database')
    const second = startService(directory, base)
    expect(await second.exited).toBe(1)
    expect(second.said.err.trim().split('\n')).toHaveLength(1)
    expect(second.said.err).toContain(`${phoenix}.db`)
    expect(existsSync(join(directory, 'faults.sock'))).toBe(false)
    expect(await isServed(directory, ashburn)).toBe(false)
  }))
