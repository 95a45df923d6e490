import { execFileSync } from 'node:child_process'
import { constants, closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PoolShare } from '../../lib/hsm/software/poolShare.ts'
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
    const slow = Array.from({ length: 24 }, () => makeKey(cloud, theirs, { keyShape }))
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
}, 60_000)
