import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { askFaultServer } from '../../../local/control/faultServer.ts'
import { until, whenThere } from '../../harness/until.ts'
import { readOpenMetrics } from '../../harness/openMetrics.ts'
import { sharesPorts } from '../../../local/workers/sharedPort.ts'
import { isReady, startService } from '../startedService.ts'
import { createKey, createVault, plaintext } from '../vaultSteps.ts'
import { connectionsByWorker, HeldConnection, workersOf } from './heldConnections.ts'
import { withCloud, type StartedCloud } from './startedCloud.ts'

/** What is left when a worker, or all of it, ends. */

const region = 'us-ashburn-1'

async function prepared({ call, sign, tenancyId, home }: StartedCloud) {
  const vault = await createVault(call, home, tenancyId)
  const keyId = await createKey(call, vault, tenancyId)
  const url = `${vault.endpoint}/20180608/encrypt`
  return { vault, keyId, url, signed: sign('POST', url, { keyId, plaintext }) }
}

/** The request ids of all Encrypts in the audit. */
async function audited({ call, home, tenancyId }: StartedCloud): Promise<ReadonlySet<string>> {
  const range = `startTime=${new Date(Date.now() - 3_600_000).toISOString()}&endTime=${new Date(Date.now() + 60_000).toISOString()}`
  const ids = new Set<string>()
  for (let page = ''; ;) {
    const url = `${home}/20190901/auditEvents?compartmentId=${tenancyId}&${range}${page === '' ? '' : `&page=${page}`}`
    const { list, nextPage } = await call('GET', url)
    for (const { data } of list as readonly { data: { eventName: string; request: { id: string } } }[]) {
      if (data.eventName === 'Encrypt') ids.add(data.request.id)
    }
    if (nextPage === undefined) return ids
    page = nextPage
  }
}

test('a worker that dies leaves the others to answer, is started again, and takes no event of the audit along', () =>
  withCloud(async (cloud) => {
    const { url, signed } = await prepared(cloud)
    const connections = await connectionsByWorker(cloud.home, url, signed)
    const acknowledged: string[] = []
    const haveMore = async () => {
      const more = acknowledged.length + 200
      await until(
        () => acknowledged.length >= more,
        () => acknowledged.length,
      )
    }
    let isOver = false
    const load = connections.map(async ({ connection, worker }) => {
      try {
        while (!isOver) {
          const { status, requestId } = await connection.post(url, signed)
          expect(status).toBe(200)
          acknowledged.push(requestId)
        }
        return undefined
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === undefined) throw cause
        return worker
      }
    })
    await haveMore()
    expect(await askFaultServer(cloud.directory, `kill ${region} 1`)).toMatch(/^ok: /)
    await haveMore()
    isOver = true
    const cutOff = (await Promise.all(load)).filter((worker) => worker !== undefined)
    expect(cutOff.length).toBeGreaterThan(0)
    expect(new Set(cutOff)).toEqual(new Set([1]))
    for (const { connection } of connections) connection.close()
    await until(async () => (await restartsOf(cloud.home, 1)) > 0)
    const again = await connectionsByWorker(cloud.home, url, signed)
    for (const { connection } of again) connection.close()
    cloud.service.signal('SIGTERM')
    expect(await cloud.service.exited).toBe(0)
    const second = startService(cloud.directory, cloud.base, ['--workers', '2'])
    await isReady(second)
    const found = await audited(cloud)
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
    second.signal('SIGTERM')
    await second.exited
  }))

test('a worker that is started again knows what was changed before', () =>
  withCloud(async (cloud) => {
    const { vault, keyId, url, signed } = await prepared(cloud)
    const disabled = await cloud.call('POST', `${vault.endpoint}/20180608/keys/${keyId}/actions/disable`)
    expect(disabled.status).toBe(200)
    for (const worker of [0, 1, 2]) await askFaultServer(cloud.directory, `kill ${region} ${worker}`)
    for (const worker of [0, 1, 2]) await until(async () => (await restartsOf(cloud.home, worker)) > 0)
    for (const { connection } of await connectionsByWorker(cloud.home, url, signed)) {
      expect((await connection.post(url, signed)).status).toBe(409)
      connection.close()
    }
  }))

test('a crypto call whose audit is required is answered by a worker once its event is in the table', () =>
  withCloud(
    async (cloud) => {
      const { url, signed } = await prepared(cloud)
      const connection = new HeldConnection()
      for (let call = 0; call < 10; call += 1) {
        const { status, requestId } = await connection.post(url, signed)
        expect(status).toBe(200)
        expect(await audited(cloud)).toContain(requestId)
      }
      connection.close()
    },
    { CRYPTO_AUDIT: 'required' },
  ))

/**
 * How many Encrypts were answered with 200, as /metrics says, once it says `least` of them: a worker that has not told its
 * counts within a second is asked again with the next question, and one that ends takes the question along.
 */
async function encryptsCounted(home: string, least: number): Promise<number> {
  return whenThere(async () => {
    const families = readOpenMetrics(await (await fetch(`${home}/metrics`)).text())
    const found = families
      .get('vaultspan_requests')
      ?.samples.find(({ labels }) => labels['operation'] === 'Encrypt' && labels['status'] === '200')
    return (found?.value ?? 0) >= least ? (found?.value ?? 0) : undefined
  })
}

/** As /healthz has it; 0 where a worker that ends takes the question along. */
async function restartsOf(home: string, worker: number): Promise<number> {
  const found = await workersOf(home).catch(() => [])
  return found[worker]?.restarts ?? 0
}

test.each(['kill', 'hang'])(
  'after %s of a worker another takes its place, and what it had counted stays in /metrics',
  (how) =>
    withCloud(
      async ({ home, directory, ...cloud }) => {
        const { url, signed } = await prepared({ home, directory, ...cloud })
        const connections = await connectionsByWorker(home, url, signed)
        const before = connections.length
        expect(await encryptsCounted(home, before)).toBe(before)
        expect(await askFaultServer(directory, `${how} ${region} 1`)).toMatch(/^ok: worker 1 of us-ashburn-1 /)
        await until(async () => (await restartsOf(home, 1)) > 0)
        // Of what was counted nothing is lost; who answers for it is gone.
        expect(await encryptsCounted(home, 0)).toBe(before)
        for (const { connection } of connections) connection.close()
        const again = await connectionsByWorker(home, url, signed)
        expect(new Set(again.map(({ worker }) => worker)).size).toBe(3)
        const all = before + again.length
        expect(await encryptsCounted(home, all)).toBe(all)
        for (const { connection } of again) connection.close()
        // What the process writes comes by a pipe of its own, later than its answer.
        if (how === 'hang')
          await until(
            () => cloud.service.said.err.includes('A worker stands still; it is ended.'),
            () => cloud.service.said,
          )
      },
      // No more than it takes: a worker that only waits for a core is not to be ended for it.
      how === 'hang' ? { WORKER_PATIENCE_MS: '3000' } : {},
    ),
)

test('a service whose worker stands still ends all the same', () =>
  withCloud(
    async ({ directory, service }) => {
      expect(await askFaultServer(directory, `hang ${region} 0`)).toMatch(/^ok: /)
      service.signal('SIGTERM')
      expect(await service.exited).toBe(0)
    },
    { WORKER_PATIENCE_MS: '1000' },
  ))

test('a worker that does not come back from a call into a library has its process end and start again', async () => {
  const place = mkdtempSync(join(tmpdir(), 'vaultspan-never-'))
  try {
    const preload = pathToFileURL(join(import.meta.dirname, 'neverReturns.mjs')).href
    await withCloud(
      async (cloud) => {
        const { url, signed } = await prepared(cloud)
        writeFileSync(join(place, region), '')
        const answer = async () => {
          const connection = new HeldConnection()
          try {
            return (await connection.post(url, signed)).status
          } catch {
            return undefined
          } finally {
            connection.close()
          }
        }
        await until(
          () => cloud.service.said.err.includes('The process of a region ended; it is started again.'),
          () => cloud.service.said,
        )
        expect(cloud.service.said.err).toContain('does not come back from a call into the HSM’s library')
        // A vault's port is listened at again before the region's own.
        const isUp = async () => (await fetch(`${cloud.home}/healthz`).catch(() => undefined))?.ok === true
        await until(
          async () => (await isUp()) && (await answer()) === 200,
          () => cloud.service.said,
        )
        // All of them are there.
        for (const { connection } of await connectionsByWorker(cloud.home, url, signed)) connection.close()
      },
      { WORKER_PATIENCE_MS: '1000', NODE_OPTIONS: `--import=${preload}`, NEVER_RETURNS: place },
    )
  } finally {
    rmSync(place, { recursive: true })
  }
})

test('there is no such worker to kill', () =>
  withCloud(async ({ directory }) => {
    expect(await askFaultServer(directory, `kill ${region} 7`)).toBe(
      'error: There is no worker 7 at present; there are 3.',
    )
  }))

test.each([
  ['ENOTSUP', false],
  ['EINVAL', false],
  ['EADDRNOTAVAIL', true],
] as const)('a listener refused with %s: the system shares ports: %s', async (code, shares) => {
  const refused = Object.assign(new Error(code), { code })
  expect(await sharesPorts('127.0.0.1', () => Promise.reject(refused))).toBe(shares)
})
