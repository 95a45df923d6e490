import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { aReplicatedKey, kmsOf, opens } from './apartKms.ts'
import { composeFile, containerWords, inOrder, type ComposeService } from './composeFile.ts'
import { until } from '../harness/until.ts'
import { freeBase } from './freePorts.ts'
import { address, home, other, resolveMachines, type Name } from './machines.ts'
import { startProgram, withDirectory, type StartedProcess } from './startedService.ts'
import { createKey, decrypt, encrypt, plaintext } from './vaultSteps.ts'

/**
 * The very commands of compose.yaml, as processes: a container's volume is a directory here, its address one of
 * loopback's, and nothing else of a container is there.
 */

const file = composeFile()
const regionOf: Readonly<Record<string, Name>> = { ashburn: home, phoenix: other }

let forgetNames: () => void
beforeAll(() => {
  forgetNames = resolveMachines()
})
afterAll(() => {
  forgetNames()
})

interface Place {
  readonly directory: string
  readonly port: number
}

function regionNamed(service: string): Name {
  const found = regionOf[service.split('-')[0] ?? '']
  if (found === undefined) throw new Error(`${service} is of no region.`)
  return found
}

/** A word of a container, as it is said here. */
function here(
  text: string,
  name: string,
  { volumes }: Pick<ComposeService, 'volumes'>,
  { directory, port }: Place,
): string {
  let said = text
    .replaceAll('0.0.0.0', address[regionNamed(name)])
    .replaceAll(/\b(ashburn|phoenix):7650\b/g, (_, host: string) => `${address[regionNamed(host)]}:${port + 1}`)
    .replaceAll(/localhost:760[01]\b/g, `localhost:${port}`)
    .replaceAll('--port 7600', `--port ${port}`)
  for (const volume of volumes) {
    const [from = '', to = ''] = volume.split(':')
    said = said.replaceAll(to, join(directory, from))
  }
  return said
}

/** `vaultspan` as a program in a directory of its own. */
function environmentOf(directory: string): { PATH: string } {
  const folder = join(directory, 'bin')
  mkdirSync(folder, { recursive: true })
  const main = join(import.meta.dirname, '..', '..', 'local', 'main.ts')
  writeFileSync(join(folder, 'vaultspan'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  chmodSync(join(folder, 'vaultspan'), 0o755)
  for (const volume of Object.keys(file.volumes)) mkdirSync(join(directory, volume), { recursive: true, mode: 0o700 })
  return { PATH: `${folder}:${process.env['PATH'] ?? ''}` }
}

function startContainer(name: string, place: Place, words?: readonly string[]): StartedProcess {
  const service = file.services[name]
  if (service === undefined) throw new Error(`There is no service ${name}.`)
  const given = words ?? [...(service.entrypoint ?? containerWords('ENTRYPOINT')), ...service.command]
  const [program = '', ...rest] = given.map((word) => here(word, name, service, place))
  return startProgram(
    program.replace('/usr/local/bin/', join(place.directory, 'bin', '/')),
    rest,
    environmentOf(place.directory),
  )
}

/** What the image's health check answers. */
async function health(name: string, place: Place): Promise<number | string> {
  const [program = '', ...words] = containerWords('HEALTHCHECK')
  return startContainer(name, place, [program, ...words]).exited
}

/** On a busy machine a region that is slow to answer is called down for a moment. */
async function becomes(name: string, place: Place, wanted: number): Promise<void> {
  await until(async () => (await health(name, place)) === wanted)
}

const once = inOrder(file).filter((name) => file.services[name]?.restart === 'no')
const served = inOrder(file).filter((name) => !once.includes(name))

async function runOnce(place: Place): Promise<readonly string[]> {
  const said: string[] = []
  for (const name of once) {
    const process = startContainer(name, place)
    expect([name, await process.exited, process.said.err]).toEqual([name, 0, ''])
    said.push(process.said.out)
  }
  return said
}

async function up(name: string, place: Place): Promise<StartedProcess> {
  const process = startContainer(name, place)
  await process.hasSaid('Stop with Ctrl-C.')
  return process
}

test('a region has a container, and each waits until both were introduced', () => {
  expect(served).toEqual(['ashburn', 'phoenix'])
  expect(once).toEqual(['phoenix-init', 'ashburn-init', 'phoenix-trust'])
  for (const [name, { depends_on: before = {} }] of Object.entries(file.services)) {
    for (const [awaited, { condition }] of Object.entries(before)) {
      expect([name, awaited, condition]).toEqual([name, awaited, 'service_completed_successfully'])
    }
  }
})

test.each(served)('%s is published where its answers say that it is', (name) => {
  const init = file.services[`${name}-init`]?.command.join(' ') ?? ''
  const [, port] = /--advertise http:\/\/localhost:(\d+)/.exec(init) ?? []
  const [, inside] = /--port (\d+)/.exec(init) ?? []
  expect(file.services[name]?.ports).toEqual([`127.0.0.1:${port}:${inside}`])
  expect(init).toContain(`--address ${file.services[name]?.hostname}:`)
})

test('the commands of compose.yaml make a cloud of two containers that replicates and outlives one', () =>
  withDirectory(async (directory) => {
    const place = { directory, port: await freeBase() }
    const started: StartedProcess[] = []
    try {
      await runOnce(place)
      for (const name of served) started.push(await up(name, place))
      const kms = kmsOf({ ...place, data: (name) => join(directory, name === home ? 'ashburn' : 'phoenix') })
      const { vault, keyId, replica } = await aReplicatedKey(kms)
      const ciphertext = await encrypt(kms.call, vault.endpoint, keyId)
      await opens(kms, replica, keyId, ciphertext)
      for (const name of served) await becomes(name, place, 0)
      // `docker compose up` again, while both run: what runs once finds nothing to do.
      expect((await runOnce(place)).join('')).toBe('')
      const [first, second] = started
      first?.signal('SIGKILL')
      await first?.exited
      expect(await decrypt(kms.call, replica, keyId, ciphertext)).toBe(plaintext)
      started[0] = await up('ashburn', place)
      const after = await createKey(kms.call, vault, kms.tenancyId)
      await opens(kms, replica, after, await encrypt(kms.call, vault.endpoint, after))
      started[0].signal('SIGTERM')
      second?.signal('SIGTERM')
      expect(await Promise.all(started.map(({ exited }) => exited))).toEqual([0, 0])
    } finally {
      for (const process of started) process.signal('SIGKILL')
    }
  }))

test('a health check fails while a region does not serve, and not for its peer', () =>
  withDirectory(async (directory) => {
    const place = { directory, port: await freeBase() }
    await runOnce(place)
    const started: StartedProcess[] = []
    try {
      started.push(await up('ashburn', place))
      await becomes('ashburn', place, 0)
      const faults = ['/usr/local/bin/vaultspan', 'faults']
      const refuse = startContainer('ashburn', place, [...faults, 'refuse', home, '--data', '/data'])
      expect([await refuse.exited, refuse.said.err]).toEqual([0, ''])
      await becomes('ashburn', place, 1)
      expect(await startContainer('ashburn', place, [...faults, 'heal', '--data', '/data']).exited).toBe(0)
      await becomes('ashburn', place, 0)
      expect(await health('phoenix', place)).toBe(1)
    } finally {
      for (const process of started) process.signal('SIGKILL')
      await Promise.all(started.map(({ exited }) => exited))
    }
  }))

test.each(once.filter((name) => name.endsWith('-init')))(
  '%s that is killed while it makes the region begins again',
  (name) =>
    withDirectory(async (directory) => {
      const place = { directory, port: await freeBase() }
      const folder = join(directory, name.split('-')[0] ?? '')
      for (const before of once.slice(0, once.indexOf(name))) expect(await startContainer(before, place).exited).toBe(0)
      const killed = startContainer(name, place)
      const seen = { end: false }
      void killed.exited.then(() => (seen.end = true))
      while (!existsSync(join(folder, 'host.db')) && !seen.end) await new Promise((next) => setImmediate(next))
      killed.killAll()
      await killed.exited
      await runOnce(place)
      expect(existsSync(join(folder, 'introduced'))).toBe(true)
    }),
)

test('a first start that was interrupted goes on where it stood', () =>
  withDirectory(async (directory) => {
    const place = { directory, port: await freeBase() }
    for (const name of ['phoenix-init', 'phoenix-init', 'ashburn-init']) {
      expect(await startContainer(name, place).exited).toBe(0)
    }
    expect(existsSync(join(directory, 'phoenix', 'introduced'))).toBe(false)
    await runOnce(place)
    expect(existsSync(join(directory, 'phoenix', 'introduced'))).toBe(true)
  }))
