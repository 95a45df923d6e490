import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { KmsError } from '../../lib/errors.ts'
import type { VaultKeys, WrappedKey } from '../../lib/hsm/hsm.ts'
import { initialize } from '../../lib/hsm/pkcs11/ceremony/initialize.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { SessionPool } from '../../lib/hsm/pkcs11/token/sessionPool.ts'
import type { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { aMaterial, aVault, ecdsaShapes, realm } from './contract/fixtures.ts'
import { placesOf } from './tokens/placesOf.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

const run = promisify(execFile)
const message = Buffer.from('through all of it')
const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable', retryAfter: 1 }) as Error

describeWithToken('a token that fails', () => {
  let label: string
  let hsm: Pkcs11Hsm
  let vault: VaultKeys
  let pin: string
  let now: number
  const aes = aMaterial()
  const ec = aMaterial({ shape: ecdsaShapes.NIST_P256, materialId: 'ab'.repeat(16) })
  let aesKey: WrappedKey
  let ecKey: WrappedKey

  beforeEach(async () => {
    label = newToken()
    pin = pins.pin
    now = 1_000_000
    hsm = openPkcs11Hsm({
      realm,
      region: 'eu-test-1',
      token: { module: softHsm(), label, pin: () => pin, now: () => now },
    })
    vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    aesKey = await vault.generate(aes)
    ecKey = await vault.generate(ec)
    await works()
  })

  async function works(): Promise<void> {
    await vault.use(aes, aesKey, async (key) => {
      const ciphertext = await key.encrypt('AES_256_GCM', message, {})
      expect(await key.decrypt('AES_256_GCM', ciphertext, {})).toEqual(message)
    })
    await vault.use(ec, ecKey, async (key) => {
      const signature = await key.sign('ECDSA_SHA_256', 'RAW', message)
      expect(await key.verify('ECDSA_SHA_256', 'RAW', message, signature)).toBe(true)
    })
    expect(hsm.isAnswering()).toBe(true)
  }

  function slot(): number {
    const module = softHsm()
    return module.slotOf(label) ?? -1
  }

  function killSessions(): void {
    softHsm().call('C_CloseAllSessions', slot())
  }

  const encrypt = () => vault.use(aes, aesKey, (key) => key.encrypt('AES_256_GCM', message, {}))
  const sign = () => vault.use(ec, ecKey, (key) => key.sign('ECDSA_SHA_256', 'RAW', message))

  test.each([
    ['encrypts', encrypt],
    ['signs', sign],
    ['makes a key', () => vault.generate(aes)],
    ['makes a vault', () => hsm.createVaultKeys(aVault())],
    ['signs for its region', () => hsm.sign(message)],
  ] as const)(
    'that lost its sessions answers 503 to whoever %s, and works with the next call',
    async (_what, attempt) => {
      killSessions()
      await expect(attempt()).rejects.toEqual(unavailable)
      await works()
      await attempt()
    },
  )

  test('a key in use when its session is lost is not used in the next', async () => {
    await expect(
      vault.use(aes, aesKey, async (key) => {
        killSessions()
        // It connects anew: one failure does not make it one that does not answer.
        expect(hsm.isAnswering()).toBe(true)
        return key.encrypt('AES_256_GCM', message, {})
      }),
    ).rejects.toEqual(unavailable)
    await works()
  })

  test('that was taken away is looked for once a second, and works when it is back', async () => {
    const tokens = join(dirname(process.env['SOFTHSM2_CONF'] ?? ''), 'tokens')
    const [directory] = placesOf(label, tokens)
    if (directory === undefined) throw new Error('The token has no directory.')
    const [place, away] = [join(tokens, directory), join(dirname(tokens), directory)]
    killSessions()
    renameSync(place, away)
    await expect(encrypt()).rejects.toEqual(unavailable)
    for (let second = 0; second < 3; second++) {
      now += 1_000
      await expect(encrypt()).rejects.toEqual(unavailable)
      await expect(sign()).rejects.toEqual(unavailable)
      expect(hsm.isAnswering()).toBe(false)
    }
    renameSync(away, place)
    // Too early: it was looked for within this second.
    await expect(encrypt()).rejects.toEqual(unavailable)
    now += 1_000
    await works()
  })

  test('whose whole place was taken away is there again with the next second after it is back', async () => {
    const place = mkdtempSync(join(tmpdir(), 'vaultspan-place-'))
    try {
      mkdirSync(join(place, 'tokens'))
      const file = join(place, 'softhsm2.conf')
      writeFileSync(file, `directories.tokendir = ${join(place, 'tokens')}\nobjectstore.backend = file\n`)
      const env = { ...process.env, NODE_OPTIONS: '', SOFTHSM2_CONF: file }
      await run(process.execPath, [join(import.meta.dirname, 'tokens', 'placeAway.ts'), softHsm().path], { env })
    } finally {
      rmSync(place, { recursive: true })
    }
  })

  test('a wrong PIN is tried once, whatever is asked meanwhile, and the right one with the next second', async () => {
    killSessions()
    pin = 'not the PIN'
    await expect(encrypt()).rejects.toEqual(unavailable)
    const causes: unknown[] = []
    for (let second = 0; second < 20; second++) {
      now += 1_000
      await encrypt().catch((error: unknown) => {
        if (!(error instanceof KmsError)) throw error
        causes.push((error.cause as Error | undefined)?.cause)
      })
    }
    expect(causes).toHaveLength(20)
    // C_Login's own answer stands behind the first alone: the others did not ask.
    expect(causes.filter((cause) => cause !== undefined)).toHaveLength(1)
    pin = pins.pin
    now += 1_000
    await works()
  })

  test('with another token of its label is not taken for the one before', async () => {
    const wrapped = await hsm.createVaultKeys(aVault())
    const other = openPkcs11Hsm({
      realm,
      region: 'eu-test-1',
      token: { module: softHsm(), label: newToken(), pin: () => pin },
    })
    expect(() => other.openVault(aVault(), wrapped)).toThrow('were not wrapped by this HSM')
  })
})

describeWithToken('a private vault’s token that stays away', () => {
  test('has the library, and with it every other token, started anew once a minute at most', async () => {
    const [module, label] = [softHsm(), newToken(1)]
    const file = join(mkdtempSync(join(tmpdir(), 'vaultspan-away-')), 'state.json')
    let now = 1_000_000
    const token = { module, label, pin: () => pins.pin, now: () => now }
    const open = () => openPkcs11Hsm({ realm, region: 'eu-test-1', token, file })
    const vault = aVault({ isPrivate: true })
    const first = open()
    const wrapped = await first.createVaultKeys(vault)
    first.close()
    initialize({ module, label: `lost ${label}`.slice(0, 32), ...pins }, module.slotOf(partitionLabel(label, 1)))
    const hsm = open()
    const before = module.restarts
    const generate = () => hsm.openVault(vault, wrapped).generate(aMaterial())
    try {
      for (let second = 0; second < 60; second++) {
        await expect(generate()).rejects.toMatchObject({ code: 'unavailable' })
        now += 1_000
      }
      expect(module.restarts - before).toBe(1)
      await expect(generate()).rejects.toMatchObject({ code: 'unavailable' })
      expect(module.restarts - before).toBe(2)
    } finally {
      hsm.close()
      rmSync(dirname(file), { recursive: true })
    }
  })
})

test('whoever finds every session busy waits for one, in turn', async () => {
  let opened = 0
  const pool = new SessionPool(() => ({ handle: ++opened, close: () => undefined }) as unknown as Session)
  const ends: (() => void)[] = []
  const busy = Array.from({ length: 17 }, (_, index) =>
    pool.use(async ({ handle }) => {
      await new Promise<void>((resolve) => ends.push(resolve))
      return [index, handle]
    }),
  )
  expect([opened, ends.length]).toEqual([16, 16])
  ends[3]?.()
  expect(await busy[3]).toEqual([3, 4])
  await new Promise(setImmediate)
  expect(ends).toHaveLength(17)
  for (const end of ends) end()
  expect(await busy[16]).toEqual([16, 4])
  expect(opened).toBe(16)
})

test('where all is lost a session that nobody uses is closed at once', async () => {
  const closed: string[] = []
  const pool = new SessionPool(() => ({ close: () => closed.push('closed') }) as unknown as Session)
  await pool.use(() => Promise.resolve())
  expect(closed).toEqual([])
  pool.close(new Error('All is lost.'))
  expect(closed).toEqual(['closed'])
})

// After so many steps one of those who wait has been given a session and does not have it yet.
test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  'where all is lost a session in use is closed once it is back, and nobody begins any more, after %d steps',
  async (steps) => {
    const closed: number[] = []
    let opened = 0
    const open = () => {
      const handle = ++opened
      return { handle, close: () => closed.push(handle) } as unknown as Session
    }
    const pool = new SessionPool(open)
    const ends: (() => void)[] = []
    const use = () =>
      pool.use(async () => {
        await new Promise<void>((resolve) => ends.push(resolve))
      })
    const all = Array.from({ length: 18 }, use)
    ends[2]?.()
    for (let step = 0; step < steps; step += 1) await Promise.resolve()
    const begun = ends.length
    const cause = new Error('All is lost.')
    pool.close(cause)
    const ended = Promise.allSettled([...all, use()])
    expect(closed).toEqual([])
    for (const end of ends) end()
    const refused = (await ended).flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
    expect(refused).toEqual(Array.from({ length: 19 - begun }, () => cause))
    expect(ends).toHaveLength(begun)
    expect(closed.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1))
    expect(opened).toBe(16)
  },
)

test('whoever has waited five seconds for a session that stays busy is refused, and nobody waits for them', async () => {
  const timers: { readonly ms: number | undefined; readonly end: () => void }[] = []
  const own = globalThis.setTimeout
  const pool = new SessionPool(() => ({ handle: 1, close: () => undefined }) as unknown as Session)
  const ends: (() => void)[] = []
  const use = () => pool.use(() => new Promise<void>((resolve) => ends.push(resolve)))
  try {
    globalThis.setTimeout = Object.assign((end: () => void, ms?: number) => {
      timers.push({ ms, end })
      return own(() => undefined, 0)
    }, own)
    const busy = Array.from({ length: 16 }, use)
    const [late, next] = [use(), use()]
    // As docs/hsm.md has it.
    expect(timers.map(({ ms }) => ms)).toEqual([5_000, 5_000])
    timers[0]?.end()
    await expect(late).rejects.toMatchObject({ code: 'unavailable', retryAfter: 1 })
    ends[0]?.()
    await busy[0]
    await new Promise(setImmediate)
    expect(ends).toHaveLength(17)
    for (const end of ends) end()
    await Promise.all([...busy, next])
  } finally {
    globalThis.setTimeout = own
  }
})
