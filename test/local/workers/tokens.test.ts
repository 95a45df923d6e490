import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { askFaultServer } from '../../../local/control/faultServer.ts'
import { answered, until } from '../../harness/until.ts'
import { readOpenMetrics } from '../../harness/openMetrics.ts'
import { describeWithToken, softHsmPath } from '../../hsm/tokens/softHsm.ts'
import { run } from '../startedService.ts'
import { createKey, createVault, plaintext, type MadeVault } from '../vaultSteps.ts'
import { connectionsByWorker, connectionsToAll, workersOf, type Answer, HeldConnection } from './heldConnections.ts'
import { withCloud, workers, type StartedCloud } from './startedCloud.ts'

/** What freshness.test.ts and ends.test.ts hold of workers, where each worker uses the region's token itself. */

const region = 'us-ashburn-1'
const variables = ['HSM', 'PKCS11_MODULE', 'PKCS11_PIN_FILE', 'SOFTHSM2_CONF'] as const
const before = new Map(variables.map((name) => [name, process.env[name]]))
const closing: HeldConnection[] = []

afterEach(() => {
  for (const each of closing.splice(0)) each.close()
  for (const [name, value] of before) {
    if (value === undefined) Reflect.deleteProperty(process.env, name)
    else process.env[name] = value
  }
})

/** Tokens beside the data, as docs/hsm.md has it. */
async function withTokens(body: (cloud: StartedCloud) => Promise<void>, environment = {}): Promise<void> {
  await withCloud(body, environment, async (directory) => {
    const [soPin = '', pin = ''] = ['so', 'user'].map((name) => {
      const file = join(directory, `${name}.pin`)
      writeFileSync(file, `${name} 1234\n`, { mode: 0o600 })
      return file
    })
    Object.assign(process.env, { HSM: 'pkcs11', PKCS11_MODULE: softHsmPath, PKCS11_PIN_FILE: pin })
    Reflect.deleteProperty(process.env, 'SOFTHSM2_CONF')
    const made = await run('local/main.ts', [
      ...['hsm', 'init', '--so-pin-file', soPin, '--private', '1', '--data', directory],
    ])
    expect(made).toMatchObject({ code: 0, err: '' })
  })
}

interface Reached {
  readonly keyId: string
  /** Encrypts by every worker, over all connections at once. */
  readonly everywhere: () => Promise<readonly Answer[]>
}

async function reachAll({ call, sign, home, tenancyId }: StartedCloud, vault: MadeVault): Promise<Reached> {
  const keyId = await createKey(call, vault, tenancyId)
  const url = `${vault.endpoint}/20180608/encrypt`
  const signed = sign('POST', url, { keyId, plaintext })
  const connections = await connectionsToAll(home, url, signed)
  expect(connections.length).toBeGreaterThanOrEqual(2 * workers)
  closing.push(...connections)
  return { keyId, everywhere: () => Promise.all(connections.map((each) => each.post(url, signed))) }
}

function statuses(answers: readonly Answer[]): ReadonlySet<number> {
  return new Set(answers.map(({ status }) => status))
}

/** The folder of the region's own token. */
function tokenPlace(directory: string): string {
  const tokens = join(directory, 'hsm', 'tokens')
  const name = readdirSync(tokens).find((each) => {
    const text = readFileSync(join(tokens, each, 'token.object'), 'latin1')
    return text.includes(`vaultspan ${region}`) && !text.includes(`vaultspan ${region} #`)
  })
  if (name === undefined) throw new Error('The token has no folder.')
  return join(tokens, name)
}

async function healthOf(home: string): Promise<Record<string, unknown>> {
  return answered(async () => (await (await fetch(`${home}/healthz`)).json()) as Record<string, unknown>)
}

async function isToldOfChanges(cloud: StartedCloud): Promise<void> {
  const { call, sign, home, tenancyId, directory } = cloud
  const vault = await createVault(call, home, tenancyId)
  const { keyId, everywhere } = await reachAll(cloud, vault)
  const key = `${vault.endpoint}/20180608/keys/${keyId}`
  const encrypted = (await everywhere())[0]?.body ?? {}
  const post = async (path: string, body: object) => {
    const url = `${vault.endpoint}/20180608/${path}`
    const signed = sign('POST', url, body)
    return Promise.all(closing.map((each) => each.post(url, signed)))
  }
  const decrypts = async () => {
    const answers = await post('decrypt', { keyId, ciphertext: encrypted['ciphertext'] })
    expect(new Set(answers.map(({ body }) => body['plaintext']))).toEqual(new Set([plaintext]))
  }
  await decrypts()
  for (const [algorithm, length, signingAlgorithm] of [
    ['ECDSA', 32, 'ECDSA_SHA_256'],
    ['RSA', 256, 'SHA_256_RSA_PKCS_PSS'],
  ] as const) {
    const keyShape = { algorithm, length, ...(algorithm === 'ECDSA' ? { curveId: 'NIST_P256' } : {}) }
    const made = await call('POST', `${vault.endpoint}/20180608/keys`, {
      ...{ compartmentId: tenancyId, displayName: 'signs', protectionMode: 'HSM', keyShape },
    })
    const of = { keyId: made.body['id'], signingAlgorithm, message: plaintext }
    const answers = await post('sign', of)
    expect(statuses(answers)).toEqual(new Set([200]))
    const { signature, keyVersionId } = answers.at(-1)?.body ?? {}
    const verified = await post('verify', { ...of, signature, keyVersionId })
    expect(new Set(verified.map(({ body }) => body['isSignatureValid']))).toEqual(new Set([true]))
  }
  for (let round = 0; round < 10; round += 1) {
    expect((await call('POST', `${key}/actions/disable`)).status).toBe(200)
    expect(statuses(await everywhere())).toEqual(new Set([409]))
    expect((await call('POST', `${key}/actions/enable`)).status).toBe(200)
    expect(statuses(await everywhere())).toEqual(new Set([200]))
    const rotated = await call('POST', `${key}/keyVersions`)
    const used = (await everywhere()).map(({ body }) => body['keyVersionId'])
    expect(new Set(used)).toEqual(new Set([rotated.body['id']]))
  }
  // New roots, in the middle of requests: whatever comes after them is answered.
  const over = new AbortController()
  const load = (async () => {
    while (!over.signal.aborted) await everywhere()
  })()
  for (let round = 0; round < 3; round += 1) {
    expect(await askFaultServer(directory, 'rotate-root -')).toMatch(/^ok: |a new root/)
    await decrypts()
  }
  over.abort()
  await load
  expect(statuses(await everywhere())).toEqual(new Set([200]))
}

async function isToldOfADeletedVault(cloud: StartedCloud): Promise<void> {
  const { call, home, tenancyId, directory } = cloud
  const vault = await createVault(call, home, tenancyId, 'VIRTUAL_PRIVATE')
  const { everywhere } = await reachAll(cloud, vault)
  const timeOfDeletion = new Date(Date.now() + 7.5 * 86_400_000).toISOString()
  const path = `${home}/20180608/vaults/${vault.id}`
  expect((await call('POST', `${path}/actions/scheduleDeletion`, { timeOfDeletion })).status).toBe(200)
  expect(statuses(await everywhere())).toEqual(new Set([409]))
  expect(await askFaultServer(directory, 'clock +8d')).toMatch(/^ok: /)
  await until(async () => (await call('GET', path)).body['lifecycleState'] === 'DELETED')
  expect([...statuses(await everywhere())].every((status) => status === 404 || status === 409)).toBe(true)
}

/** The region's own thread finds each token where it is. */
async function saysWhatItsWorkersMiss({ home, directory }: StartedCloud): Promise<void> {
  const file = join(directory, 'regions', `${region}.db.away`)
  const own = `vaultspan ${region}`
  let told = ''
  const isTold = (expected: object) =>
    until(
      async () => {
        const { status, isHsmAnswering, awayTokens } = await healthOf(home)
        told = JSON.stringify({ status, isHsmAnswering, awayTokens })
        return told === JSON.stringify(expected)
      },
      () => told,
    )
  for (const [away, expected] of [
    [[`${own} #1`], { status: 'degraded', isHsmAnswering: true, awayTokens: [`${own} #1`] }],
    [[own], { status: 'degraded', isHsmAnswering: false }],
  ] as const) {
    writeFileSync(file, JSON.stringify(away))
    await isTold(expected)
  }
  rmSync(file)
  await isTold({ status: 'ok', isHsmAnswering: true })
}

async function bearsATokenAway(cloud: StartedCloud): Promise<void> {
  const { call, sign, home, tenancyId, directory } = cloud
  const vault = await createVault(call, home, tenancyId)
  const keyId = await createKey(call, vault, tenancyId)
  const url = `${vault.endpoint}/20180608/encrypt`
  const signed = sign('POST', url, { keyId, plaintext })
  const connections = await answered(() => connectionsByWorker(home, url, signed))
  closing.push(...connections.map(({ connection }) => connection))
  const stays = connections.filter(({ worker }) => worker !== 0)
  let isOver = false
  const load = Promise.all(
    stays.map(async ({ connection }) => {
      const seen = new Set<number>()
      while (!isOver) seen.add((await connection.post(url, signed)).status)
      return [...seen]
    }),
  )
  const place = tokenPlace(directory)
  renameSync(place, `${directory}/away`)
  // A worker that is started again opens the token anew, and does not find what should be in it.
  await askFaultServer(directory, `kill ${region} 0`)
  const isAnswering = async () => (await healthOf(home))['isHsmAnswering']
  const refused = async () => {
    // A connection of its own each time, until one leads to the new worker.
    const connection = new HeldConnection()
    const { status, retryAfter } = await connection.post(url, signed)
    connection.close()
    return status === 503 ? retryAfter : undefined
  }
  const refusals: unknown[] = []
  await until(
    async () => {
      const after = await refused()
      if (after !== undefined) refusals.push(after)
      return refusals.length > 0 && (await isAnswering()) !== true
    },
    () => refusals,
    0,
  )
  expect(new Set(refusals)).toEqual(new Set(['1']))
  const metrics = readOpenMetrics(await answered(async () => (await fetch(`${home}/metrics`)).text()))
  expect(metrics.get('vaultspan_hsm_answering')?.samples.map(({ value }) => value)).toEqual([0])
  renameSync(`${directory}/away`, place)
  await until(async () => (await isAnswering()) === true)
  isOver = true
  expect((await load).flat().filter((status) => status !== 200 && status !== 503)).toEqual([])
  for (const { connection } of stays) {
    await until(async () => (await connection.post(url, signed)).status === 200)
  }
  // Nothing was started again but the one that was killed.
  expect((await answered(() => workersOf(home))).map(({ restarts }) => restarts)).toEqual([1, 0, 0])
  for (const { connection } of await answered(() => connectionsByWorker(home, url, signed))) {
    closing.push(connection)
    expect((await connection.post(url, signed)).status).toBe(200)
  }
}

async function bearsAKill(cloud: StartedCloud): Promise<void> {
  const { call, sign, home, tenancyId, directory } = cloud
  const vault = await createVault(call, home, tenancyId)
  const made = await call('POST', `${vault.endpoint}/20180608/keys`, {
    ...{ compartmentId: tenancyId, displayName: 'signs', protectionMode: 'HSM' },
    keyShape: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' },
  })
  const url = `${vault.endpoint}/20180608/sign`
  const signed = sign('POST', url, {
    ...{ keyId: made.body['id'], signingAlgorithm: 'ECDSA_SHA_256', message: plaintext },
  })
  for (const killed of [0, 1, 2, 0]) {
    const connections = await answered(() => connectionsByWorker(home, url, signed))
    const former = (await answered(() => workersOf(home)))[killed]?.restarts ?? 0
    let isOver = false
    const load = connections.map(async ({ connection, worker }) => {
      try {
        while (!isOver) expect((await connection.post(url, signed)).status).toBe(200)
        return undefined
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === undefined) throw cause
        return worker
      }
    })
    expect(await askFaultServer(directory, `kill ${region} ${killed}`)).toMatch(/^ok: /)
    await until(async () => ((await answered(() => workersOf(home)))[killed]?.restarts ?? 0) > former)
    isOver = true
    const cutOff = (await Promise.all(load)).filter((worker) => worker !== undefined)
    expect(new Set(cutOff)).toEqual(new Set([killed]))
    for (const { connection } of connections) connection.close()
  }
  expect(await healthOf(home)).toMatchObject({ isHsmAnswering: true })
}

describeWithToken('workers with a token', () => {
  test('encrypt, decrypt, sign and verify, each of them, and are told of every change, and of a vault’s end, before it is answered', () =>
    withTokens(async (cloud) => {
      await isToldOfChanges(cloud)
      await isToldOfADeletedVault(cloud)
    }))

  test('answer 503 and nothing else under load while the token is away, say so, and use it again; one that is killed costs the others nothing', () =>
    withTokens(
      async (cloud) => {
        await saysWhatItsWorkersMiss(cloud)
        await bearsATokenAway(cloud)
        await bearsAKill(cloud)
        cloud.service.signal('SIGTERM')
        expect(await cloud.service.exited).toBe(0)
        expect(cloud.service.said.err).not.toContain('The process of a region ended')
      },
      { NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'saysAway.mjs')).href}` },
    ))
})
