import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canonicalJson, type Json } from '../../lib/canonicalJson.ts'
import { CKA, CKK, CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import type { Template } from '../../lib/hsm/pkcs11/library/encode.ts'
import { initPartition, initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { KnownRoots } from '../../lib/hsm/pkcs11/roots/knownRoots.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import type { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { createRoots } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { macRootOf, partitionToken, regionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { strangersIn } from '../../lib/hsm/pkcs11/roots/strangers.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aMaterial, aVault } from './contract/fixtures.ts'
import { describeWithToken, newToken, pins, softHsm, tokenHsm } from './tokens/softHsm.ts'

const message = Buffer.from('before it was planted')
const own = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.private' })
const planted = (generation: number) => {
  const end = generation === 1 ? '' : ` ${generation}`
  return [`vaultspan root: wrapping${end}`, `vaultspan root: MAC${end}`] as const
}

/** Somebody with the PIN puts keys whose bytes they know into a token, by the names of roots. */
function plant(label: string, generation: number): void {
  const [wrapping, mac] = planted(generation)
  partitionToken({ module: softHsm(), label, pin: () => pins.pin }).bare((session) => {
    const put = (name: string, uses: Template, value: string) =>
      session.create([
        [CKA.CLASS, CKO.SECRET_KEY],
        [CKA.KEY_TYPE, CKK.AES],
        [CKA.TOKEN, true],
        [CKA.PRIVATE, true],
        [CKA.SENSITIVE, true],
        [CKA.EXTRACTABLE, false],
        [CKA.MODIFIABLE, false],
        [CKA.COPYABLE, false],
        [CKA.LABEL, Buffer.from(name)],
        [CKA.VALUE, Buffer.alloc(32, value)],
        ...uses,
      ])
    put(
      wrapping,
      [
        [CKA.WRAP, true],
        [CKA.UNWRAP, true],
      ],
      'W',
    )
    put(mac, [[CKA.SIGN, true]], 'M')
  })
}

/** How many keys are in the token by the name of a root. */
function rootsIn(label: string): number {
  const all: Template = [
    [CKA.CLASS, CKO.SECRET_KEY],
    [CKA.TOKEN, true],
  ]
  return partitionToken({ module: softHsm(), label, pin: () => pins.pin }).bare((session) => session.find(all).length)
}

describeWithToken.each([
  ['without custodians', undefined],
  ['of custodians', 4096],
])('objects that somebody with the PIN puts into a token %s, named like roots', (_which, bits) => {
  let folder: string
  let label: string
  let hsm: Pkcs11Hsm
  let recoveryKey: string | undefined
  const file = () => join(folder, 'state.json')
  const open = () => tokenHsm({ generateRsa: knownRsaPair, file: file() }, label)
  const restart = () => {
    hsm.close()
    hsm = open()
  }

  beforeAll(async () => {
    recoveryKey = bits === undefined ? undefined : (await knownRsaPair(4096)).publicKey
  })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-planted-'))
    label = newToken(0, recoveryKey)
    const made = recoveryKey === undefined ? {} : { recoveryKey }
    initPartition({ module: softHsm(), label: partitionLabel(label, 1), ...pins, ...made })
    hsm = open()
  })

  afterEach(() => {
    hsm.close()
    rmSync(folder, { recursive: true })
  })

  const strangers = (each: string) =>
    strangersIn({ module: softHsm(), label: each, pin: () => pins.pin, known: KnownRoots.in(file()) })

  /** A vault's keys as they stand, and that they open as they did. */
  async function aVaultThere(context: typeof own) {
    const wrapped = await hsm.createVaultKeys(context)
    const vault = hsm.openVault(context, wrapped)
    const key = await vault.generate(aMaterial())
    const ciphertext = await vault.use(aMaterial(), key, (used) => used.encrypt('AES_256_GCM', message, {}))
    return {
      wrapped,
      opens: async (row: typeof wrapped) =>
        hsm.openVault(context, row).use(aMaterial(), key, (used) => used.decrypt('AES_256_GCM', ciphertext, {})),
    }
  }

  /** As an older version wrote the state: without what tells roots apart. */
  function rewriteAsOlder(): void {
    const { rootChecks: _, mac: __, ...older } = JSON.parse(readFileSync(file(), 'utf8')) as Record<string, Json>
    const token = regionToken({ module: softHsm(), label, pin: () => pins.pin })
    const mac = macRootOf(token, 1).tag(Buffer.from(`state/v1\0${canonicalJson(older)}`))
    token.close()
    writeFileSync(file(), JSON.stringify({ ...older, mac: mac.toString('base64') }))
  }

  test('are no rotation under way, at a start or for a session that was lost: nothing goes under them, and the roots stay', async () => {
    for (const [context, again] of [
      [aVault(), () => softHsm().restart()],
      [own, restart],
    ] as const) {
      const token = context === own ? partitionLabel(label, 1) : label
      const { wrapped, opens } = await aVaultThere(context)
      for (const generation of [2, 1]) plant(token, generation)
      again()
      expect(hsm.rotation.isRotating()).toBe(false)
      expect(hsm.rotation.rewrapVaultKeys(context, wrapped)).toBeUndefined()
      await hsm.rotation.end()
      expect(await opens(wrapped)).toEqual(message)
      const young = await hsm.createVaultKeys(context)
      expect(hsm.openVault(context, young).isRowMac('row', hsm.openVault(context, young).rowMac('row'))).toBe(true)
      expect([...strangers(token)].sort()).toEqual([...planted(1), ...planted(2)].sort())
      expect(rootsIn(token)).toBe(6)
    }
  })

  test('go with a rotation, which makes roots of its own under their names', async () => {
    const [virtual, secret] = [await aVaultThere(aVault()), await aVaultThere(own)]
    for (const token of [label, partitionLabel(label, 1)]) for (const generation of [2, 3]) plant(token, generation)
    restart()
    await hsm.rotation.begin()
    restart()
    expect(hsm.rotation.isRotating()).toBe(true)
    for (const token of [label, partitionLabel(label, 1)]) expect(strangers(token)).toEqual([])
    const rows = [virtual, secret].map(({ wrapped }, index) => {
      const context = index === 0 ? aVault() : own
      const next = hsm.rotation.rewrapVaultKeys(context, wrapped)
      if (next === undefined) throw new Error('It is under the former root.')
      return next
    })
    await hsm.rotation.end()
    restart()
    expect(hsm.rotation.isRotating()).toBe(false)
    for (const [index, each] of [virtual, secret].entries()) {
      const row = rows[index]
      if (row === undefined) throw new Error('It is there.')
      expect(await each.opens(row)).toEqual(message)
    }
    expect([label, partitionLabel(label, 1)].map(rootsIn)).toEqual([2, 2])
  })

  test('are taken by no state of an older version either, and what a crash left before the state knew it is not', async () => {
    const { wrapped, opens } = await aVaultThere(aVault())
    hsm.close()
    rewriteAsOlder()
    plant(label, 2)
    hsm = open()
    expect(hsm.rotation.isRotating()).toBe(false)
    expect(await opens(wrapped)).toEqual(message)
    hsm.guardState({ known: () => 0, note: () => undefined })
    expect(Object.keys(KnownRoots.in(file()).of(label) ?? {})).toEqual(['1'])
    partitionToken({ module: softHsm(), label, pin: () => pins.pin }).bare((session) => createRoots(session, 2))
    restart()
    expect(hsm.rotation.isRotating()).toBe(false)
    expect(hsm.rotation.rewrapVaultKeys(aVault(), wrapped)).toBeUndefined()
  })

  test('are none before the first start either', async () => {
    hsm.close()
    rmSync(file())
    plant(label, 2)
    hsm = open()
    expect(hsm.rotation.isRotating()).toBe(false)
    const { wrapped, opens } = await aVaultThere(aVault())
    expect([...strangers(label)].sort()).toEqual([...planted(2)].sort())
    restart()
    expect(await opens(wrapped)).toEqual(message)
  })

  test('of a private vault’s token, of which an older state knows nothing, are told apart, or that token serves nobody', async () => {
    const { wrapped, opens } = await aVaultThere(own)
    hsm.close()
    rewriteAsOlder()
    plant(partitionLabel(label, 1), 2)
    hsm = open()
    if (bits === undefined) {
      expect(await opens(wrapped)).toEqual(message)
      return
    }
    await expect(opens(wrapped)).rejects.toMatchObject({ code: 'unavailable' })
    expect(hsm.whyAway(partitionLabel(label, 1))).toContain('has roots of 2 generations, and no rotation is under way')
  })

  test('do not make hsm init begin again in a token that is whole', () => {
    plant(label, 1)
    hsm.close()
    const made = recoveryKey === undefined ? {} : { recoveryKey }
    expect(initToken({ module: softHsm(), label, ...pins, ...made })).toBe('there already')
    restart()
    expect(rootsIn(label)).toBe(4)
  })
})
