import { execFileSync } from 'node:child_process'
import { constants, closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makingCost, PoolShare } from '../../lib/hsm/software/poolShare.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { regionB, twoRegions } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

/** Work that ends when it is told to. */
function heldWork() {
  const started: string[] = []
  const ends = new Map<string, () => void>()
  const work = (name: string) => () =>
    new Promise<string>((resolve) => {
      started.push(name)
      ends.set(name, () => {
        resolve(name)
      })
    })
  const end = async (name: string) => {
    ends.get(name)?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { started, work, end }
}

describe('a share of the pool', () => {
  test('runs so many at once, and vaults take turns', async () => {
    const share = new PoolShare({ atOnce: 2, maxWaiting: 9 })
    const { started, work, end } = heldWork()
    const results = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].map((name) => share.run(name.slice(0, 1), work(name)))
    expect(started).toEqual(['a1', 'a2'])
    for (const name of ['a2', 'a1', 'a3', 'b1', 'c1', 'a4', 'b2']) await end(name)
    expect(started).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2'])
    expect(await Promise.all(results)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'])
  })

  test('goes on behind work that fails', async () => {
    const share = new PoolShare({ atOnce: 1, maxWaiting: 9 })
    const failed = share.run('a', () => Promise.reject(new Error('no')))
    const next = share.run('a', () => Promise.resolve('done'))
    await expect(failed).rejects.toThrow('no')
    expect(await next).toBe('done')
    expect(await share.run('b', () => Promise.resolve('done'))).toBe('done')
  })

  test('refuses the last of the vault that has the most waiting, never a quiet one', async () => {
    const share = new PoolShare({ atOnce: 1, maxWaiting: 3 })
    const { started, work, end } = heldWork()
    const busy = ['a1', 'a2', 'a3', 'a4'].map((name) => share.run('a', work(name)))
    const quiet = share.run('b', work('b1'))
    await expect(busy[3]).rejects.toMatchObject({ code: 'tooManyRequests', retryAfter: 5 })
    await expect(share.run('a', work('a5'))).rejects.toMatchObject({ code: 'tooManyRequests' })
    for (const name of ['a1', 'a2', 'b1', 'a3']) await end(name)
    expect(started).toEqual(['a1', 'a2', 'b1', 'a3'])
    expect(await quiet).toBe('b1')
    expect(await Promise.all(busy.slice(0, 3))).toEqual(['a1', 'a2', 'a3'])
  })
})

describe('of what costs much', () => {
  const pairs = makingCost({ algorithm: 'RSA', length: 512 })
  const isRefused = { code: 'tooManyRequests', retryAfter: 5 }

  test('so much waits that it is over in time, and the rest is refused at once; what costs little goes on', async () => {
    const share = new PoolShare({ atOnce: 2, maxWaiting: 64, maxWaitingCost: 8 * pairs })
    const { started, work, end } = heldWork()
    const names = Array.from({ length: 24 }, (_, index) => `a${index}`)
    const results = Promise.allSettled(names.map((name) => share.run('a', work(name), pairs)))
    const neighbour = share.run('b', work('b1'), pairs)
    const small = share.run('c', work('c1'), makingCost({ algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' }))
    // Nobody waits to be prepared for.
    const prepared = share.run('a', work('prepared'))
    for (const name of [...names.slice(0, 8), 'b1', 'c1', 'prepared']) await end(name)
    for (const name of started) await end(name)
    const outcomes = await results
    const made = outcomes.filter(({ status }) => status === 'fulfilled').length
    expect([made, await neighbour, await small, await prepared]).toEqual([8, 'b1', 'c1', 'prepared'])
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(isRefused)
  })

  test('a pair counts by how long it takes to find its primes', () => {
    expect(([256, 384, 512] as const).map((length) => makingCost({ algorithm: 'RSA', length }))).toEqual([8, 27, 64])
    expect(makingCost({ algorithm: 'ECDSA', length: 66, curveId: 'NIST_P521' })).toBe(1)
  })
})

test('of many callers for RSA-4096 at once most are refused with 429, and nothing is written for them', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const cloud = await twoRegions({
    generateRsa: async (bits) => {
      await held
      return knownRsaPair(bits)
    },
  })
  const vaultId = await makeVault(cloud)
  const shape = { algorithm: 'RSA', length: 512 }
  const calls = Array.from({ length: 24 }, () =>
    makeKey(cloud, vaultId, { keyShape: shape, protectionMode: 'SOFTWARE' }),
  )
  const first = await Promise.race(calls)
  expect([first.status, first.body['code'], first.headers['retry-after']]).toEqual([429, 'TooManyRequests', '5'])
  release()
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  const made = statuses.filter((status) => status === 200).length
  expect(new Set(statuses)).toEqual(new Set([200, 429]))
  expect(made).toBeLessThanOrEqual(10)
  const target = `/20180608/keys?compartmentId=${cloud.tenancyId}`
  expect((await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })).list).toHaveLength(made)
  cloud.close()
})

test('a neighbour who makes many RSA keys does not hold up a hand-off', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vaultspan-pool-'))
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  let isHeld = true
  // Opening a pipe that nobody writes to holds a thread of the pool, as making a pair does, for as long as the test wants.
  const cloud = await twoRegions({
    isStrict: true,
    generateRsa: async (bits) => {
      if (isHeld && bits === 4096) await (await open(pipe, 'r')).close()
      return knownRsaPair(bits)
    },
  })
  let writer: number | undefined
  const release = () => {
    isHeld = false
    writer ??= openSync(pipe, constants.O_RDWR)
  }
  try {
    const [mine, theirs] = [await makeReplicatedVault(cloud), await makeVault(cloud)]
    const keyShape = { algorithm: 'RSA', length: 512 }
    const slow = Array.from({ length: 10 }, () => makeKey(cloud, theirs, { keyShape }))
    const before = cloud.link.sent.length
    expect((await makeKey(cloud, mine)).status).toBe(200)
    expect(cloud.link.sent.slice(before)).toMatchObject([{ to: regionB, queue: 'inbox' }])
    release()
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual(slow.map(() => 200))
  } finally {
    release()
    cloud.close()
    if (writer !== undefined) closeSync(writer)
    rmSync(directory, { recursive: true })
  }
})
