import type { VaultKeys, WrappedKey } from '../../lib/hsm/hsm.ts'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import type { HsmChange } from '../../lib/hsm/software/hsmCopy.ts'
import { aMaterial, aVault, realm } from './contract/fixtures.ts'
import { describeWithToken, newToken, pins, softHsm } from './tokens/softHsm.ts'

/** A copy of a region's HSM on the same token, as each of its workers has one. */

const region = 'eu-test-1'
const material = aMaterial()
const context = aVault()
const own = aVault({ isPrivate: true })
const message = Buffer.from('through all of it')
const unavailable = expect.objectContaining({ name: 'KmsError', code: 'unavailable', retryAfter: 1 }) as Error

function copied(follows: 'before opening' | 'when it is told' = 'when it is told') {
  const changes: HsmChange[] = []
  const label = newToken(1)
  const module = softHsm()
  const token = { module, label, pin: () => pins.pin }
  const hsm = openPkcs11Hsm({ realm, region, token, onChange: (change) => changes.push(change) })
  const library = module.forThread(1)
  const inThread = Pkcs11Module.inThread(module.path, library)
  const follow = () => {
    for (const change of changes.splice(0)) copy.follow(change)
  }
  const beforeOpening = follows === 'before opening' ? follow : () => undefined
  const noPin = () => {
    throw new Error('It asks for the PIN, though the process is logged in.')
  }
  const copy = openPkcs11Hsm({
    ...{ realm, region, copy: { of: hsm.copied(), beforeOpening } },
    token: { module: inThread, label, pin: noPin },
  })
  return { hsm, copy, changes, follow, module, library, inThread }
}

function encrypted(vault: VaultKeys, key: WrappedKey): Promise<Buffer> {
  return vault.use(material, key, (used) => used.encrypt('AES_256_GCM', message, {}))
}

describeWithToken('a copy of an HSM with a token', () => {
  test('uses what the HSM has made, until the HSM has destroyed the vault’s keys', async () => {
    const { hsm, copy, follow } = copied()
    const wrapped = await hsm.createVaultKeys(context)
    const key = await hsm.openVault(context, wrapped).generate(material)
    const vault = copy.openVault(context, wrapped)
    await encrypted(vault, key)
    hsm.withoutKeks(context, wrapped)
    follow()
    await expect(encrypted(vault, key)).rejects.toThrow(/destroyed/)
    // A replica that is made again, or a vault that is restored, has the row that it had.
    await encrypted(copy.openVault(context, wrapped), key)
  })

  test('lets go of a key that the HSM lets go of', async () => {
    const { hsm, copy, follow } = copied()
    const wrapped = await hsm.createVaultKeys(context)
    const made = hsm.openVault(context, wrapped)
    const key = await made.generate(material)
    const vault = copy.openVault(context, wrapped)
    await vault.use(material, key, async (used) => {
      await used.encrypt('AES_256_GCM', message, {})
      made.dropHandle(material, key)
      follow()
      // Never under a caller's hands.
      await used.encrypt('AES_256_GCM', message, {})
    })
    let kept: Parameters<Parameters<VaultKeys['use']>[2]>[0] | undefined
    await vault.use(material, key, (used) => {
      kept = used
    })
    made.dropHandle(material, key)
    follow()
    expect(() => kept?.encrypt('AES_256_GCM', message, {})).toThrow(unavailable)
  })

  test('opens what is under a new root, what is still under the former one until that ends, and nothing after it', async () => {
    const { hsm, copy, changes, follow } = copied('before opening')
    const former = await hsm.createVaultKeys(context)
    const key = await hsm.openVault(context, former).generate(material)
    await encrypted(copy.openVault(context, former), key)
    await hsm.rotation.begin()
    const next = hsm.rotation.rewrapVaultKeys(context, former)
    if (next === undefined) throw new Error('It is under the former root.')
    await encrypted(copy.openVault(context, next), key)
    await encrypted(copy.openVault(context, former), key)
    await hsm.rotation.end()
    // What ends is told before it is gone.
    expect(changes.map((change) => change.kind === 'tokenRoots' && change.isEnded)).toContain(true)
    follow()
    await encrypted(copy.openVault(context, next), key)
    expect(copy.awayTokens()).toEqual([])
    expect(() => copy.openVault(context, former)).toThrow('were not wrapped by this HSM')
  })

  test('knows a private vault’s token when it is taken, and not any more once it was given back', async () => {
    const { hsm, copy, follow } = copied()
    const wrapped = await hsm.createVaultKeys(own)
    const key = await hsm.openVault(own, wrapped).generate(material)
    expect(() => copy.openVault(own, wrapped)).toThrow('were not wrapped by this HSM')
    follow()
    await encrypted(copy.openVault(own, wrapped), key)
    hsm.withoutKeks(own, wrapped)
    hsm.releasePartition(own, 'isDeleted')
    follow()
    expect(() => copy.openVault(own, wrapped)).toThrow('were not wrapped by this HSM')
    expect(copy.takenPartitions()).toEqual([])
  })

  test('starts no library anew; after a start by the HSM it connects again', async () => {
    const { hsm, copy, module, inThread } = copied()
    const wrapped = await hsm.createVaultKeys(context)
    const key = await hsm.openVault(context, wrapped).generate(material)
    await encrypted(copy.openVault(context, wrapped), key)
    expect(inThread.restart()).toBe(false)
    expect(module.restart()).toBe(true)
    // The login is the process's: the HSM's comes first here, for the copy is given no PIN.
    expect(hsm.isAnswering()).toBe(true)
    await encrypted(copy.openVault(context, wrapped), key)
  })

  test('that has ended leaves nothing open, and nobody waits for it', async () => {
    const { hsm, copy, module, library, inThread } = copied()
    const wrapped = await hsm.createVaultKeys(context)
    const key = await hsm.openVault(context, wrapped).generate(material)
    const vault = copy.openVault(context, wrapped)
    await encrypted(vault, key)
    inThread.gate.hold(() => {
      // As a thread that dies in the middle.
      expect(module.restart()).toBe(false)
      module.ended(library)
      expect(module.restart()).toBe(true)
    })
    expect(hsm.isAnswering()).toBe(true)
    await encrypted(vault, key)
    module.ended(library)
    await expect(encrypted(vault, key)).rejects.toEqual(unavailable)
  })
})
