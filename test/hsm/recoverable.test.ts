import { createPublicKey } from 'node:crypto'
import { CKA, CKK, CKM, CKO } from '../../lib/hsm/pkcs11/library/constants.ts'
import { mechanism } from '../../lib/hsm/pkcs11/library/encode.ts'
import { initPartition, initToken } from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { identityLabel, labelled } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { hasLostRecoveryKey } from '../../lib/hsm/pkcs11/roots/recoverable.ts'
import { tokenCopies } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import { tenancyRootLabel } from '../../lib/hsm/pkcs11/keys/tokenRoots.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { aVault, realm, tenancyId, textsOf } from './contract/fixtures.ts'
import { describeWithToken, pins, softHsm } from './tokens/softHsm.ts'

describeWithToken('a token with the custodians’ key', () => {
  const label = `own ${process.pid}`
  let recoveryKey: string
  let hsm: Pkcs11Hsm
  const session = () => {
    const module = softHsm()
    const opened = Session.open(module, module.slotOf(label) ?? -1)
    return opened
  }
  const copies = (name: string) =>
    partitionToken({ module: softHsm(), label: name, pin: () => pins.pin }).bare((own) =>
      tokenCopies(own, name, recoveryKey),
    )

  beforeAll(async () => {
    recoveryKey = (await knownRsaPair(4096)).publicKey
    const token = { module: softHsm(), recoveryKey, ...pins }
    initToken({ ...token, label })
    initPartition({ ...token, label: partitionLabel(label, 1) })
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token: { module: softHsm(), label, pin: () => pins.pin } })
  })

  afterAll(() => {
    hsm.close()
  })

  test('keeps roots and signers that nobody reads, takes out, changes or uses otherwise, as any other token does', () => {
    hsm.createTenancyRoot(tenancyId)
    // Each was an extractable key for the moment of its copy.
    const own = session()
    expect(own.find([[CKA.EXTRACTABLE, true]], 256)).toEqual([])
    own.close()
    const [described] = hsm.describeTokens()
    const keys = described?.keys ?? []
    expect(Object.fromEntries(keys.map(({ label: name, uses }) => [name, uses.join(' ')]))).toEqual({
      'vaultspan root: wrapping': 'wrap unwrap',
      'vaultspan root: MAC': 'sign',
      [identityLabel]: 'sign',
      [tenancyRootLabel(tenancyId)]: 'sign',
    })
    for (const key of keys)
      expect(key).toMatchObject({
        isToken: true,
        isPrivate: true,
        isSensitive: true,
        isExtractable: false,
        isModifiable: false,
      })
    expect(copies(label).keys).toHaveLength(4)
  })

  test('forbids what its root unwraps to be read, whatever its unwrapper asks for', async () => {
    const wrapped = await hsm.createVaultKeys(aVault())
    const blob = Buffer.from(textsOf(wrapped).hsmKek.split('.')[0] ?? '', 'base64')
    const own = session()
    const [root = 0] = own.find(labelled(CKO.SECRET_KEY, 'vaultspan root: wrapping'))
    const readable = [
      [CKA.CLASS, CKO.SECRET_KEY],
      [CKA.KEY_TYPE, CKK.AES],
      [CKA.TOKEN, false],
      [CKA.SENSITIVE, false],
    ] as const
    expect(() => own.unwrap(mechanism(CKM.AES_KEY_WRAP_PAD), root, blob, readable)).toThrow('CKR_TEMPLATE_INCONSISTENT')
    own.close()
  })

  test('the PIN puts no other key in its place, and one that the officer did not put there makes no root', async () => {
    const own = session()
    const { n = '', e = '' } = createPublicKey((await knownRsaPair(4096)).publicKey).export({ format: 'jwk' })
    const key = (isTrusted: boolean) =>
      own.create([
        ...labelled(CKO.PUBLIC_KEY, 'vaultspan recovery'),
        [CKA.KEY_TYPE, CKK.RSA],
        [CKA.TOKEN, true],
        [CKA.PRIVATE, false],
        [CKA.WRAP, true],
        ...(isTrusted ? [[CKA.TRUSTED, true] as const] : []),
        [CKA.MODULUS, Buffer.from(n, 'base64url')],
        [CKA.PUBLIC_EXPONENT, Buffer.from(e, 'base64url')],
      ])
    expect(() => key(true)).toThrow('CKR_ATTRIBUTE_READ_ONLY')
    const planted = key(false)
    await expect(hsm.rotation.begin()).rejects.toThrow('the security officer did not put there')
    own.remove(planted)
    own.close()
    expect(hsm.rotation.isRotating()).toBe(false)
  })

  test('where the PIN has deleted it nothing is made without a copy, and the officer puts it back', async () => {
    const { n = '', e = '' } = createPublicKey((await knownRsaPair(4096)).publicKey).export({ format: 'jwk' })
    const module = softHsm()
    for (const name of [label, partitionLabel(label, 1)]) {
      partitionToken({ module, label: name, pin: () => pins.pin }).bare((there) => {
        for (const key of there.find(labelled(CKO.PUBLIC_KEY, 'vaultspan recovery'))) there.remove(key)
        expect(hasLostRecoveryKey(there)).toBe(true)
      })
    }
    await expect(hsm.rotation.begin()).rejects.toThrow("The custodians' key is gone from the token")
    expect(hsm.rotation.isRotating()).toBe(false)
    expect(() => copies(label)).toThrow("The custodians' key is gone from the token")
    // Alone in its place, it is none of the officer's still.
    const own = session()
    const planted = own.create([
      ...labelled(CKO.PUBLIC_KEY, 'vaultspan recovery'),
      [CKA.KEY_TYPE, CKK.RSA],
      [CKA.TOKEN, true],
      [CKA.PRIVATE, false],
      [CKA.WRAP, true],
      [CKA.MODULUS, Buffer.from(n, 'base64url')],
      [CKA.PUBLIC_EXPONENT, Buffer.from(e, 'base64url')],
    ])
    await expect(hsm.rotation.begin()).rejects.toThrow('the security officer did not put there')
    own.remove(planted)
    own.close()
    hsm.close()
    const token = { module, recoveryKey, ...pins }
    expect(initToken({ ...token, label })).toBe('there already')
    expect(initPartition({ ...token, label: partitionLabel(label, 1) })).toBe('there already')
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token: { module, label, pin: () => pins.pin } })
    expect(copies(label).keys).toHaveLength(4)
    expect(copies(partitionLabel(label, 1)).keys).toHaveLength(2)
  })

  test('keeps it when a private vault goes: what is made there for the next one has a copy', async () => {
    const vault = aVault({ isPrivate: true })
    await hsm.createVaultKeys(vault)
    const before = copies(partitionLabel(label, 1)).keys.map(({ copy }) => copy)
    hsm.releasePartition(vault, 'neverWas')
    const after = copies(partitionLabel(label, 1)).keys.map(({ copy }) => copy)
    expect(after).toHaveLength(2)
    expect(before.filter((copy) => after.includes(copy))).toEqual([])
    await hsm.createVaultKeys(vault)
    hsm.releasePartition(vault, 'isDeleted')
    expect(copies(partitionLabel(label, 1)).keys).toEqual([])
  })

  test('where it is gone from a private vault’s token alone, no root is made in any', async () => {
    const vault = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.first' })
    const [module, own] = [softHsm(), partitionLabel(label, 2)]
    initPartition({ module, recoveryKey, ...pins, label: own })
    await hsm.createVaultKeys(vault)
    const removed = partitionToken({ module, label: own, pin: () => pins.pin })
    removed.bare((there) => {
      for (const key of there.find(labelled(CKO.PUBLIC_KEY, 'vaultspan recovery'))) there.remove(key)
    })
    const before = copies(label)
    await expect(hsm.rotation.begin()).rejects.toThrow(`The custodians' key is gone from the token ${own}, and what`)
    expect([hsm.rotation.isRotating(), copies(label)]).toEqual([false, before])
    hsm.close()
    initPartition({ module, recoveryKey, ...pins, label: own })
    hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token: { module, label, pin: () => pins.pin } })
    await hsm.rotation.begin()
    expect(hsm.rotation.isRotating()).toBe(true)
    await hsm.rotation.end()
  })

  test('where it is gone when a private vault goes, the token is spent: roots that were made there would have no copy', async () => {
    const vault = aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.gone' })
    const own = partitionLabel(label, 3)
    initPartition({ module: softHsm(), recoveryKey, ...pins, label: own })
    const { free, taken, spent } = hsm.partitionCounts()
    await hsm.createVaultKeys(vault)
    partitionToken({ module: softHsm(), label: own, pin: () => pins.pin }).bare((there) => {
      for (const key of there.find(labelled(CKO.PUBLIC_KEY, 'vaultspan recovery'))) there.remove(key)
    })
    hsm.releasePartition(vault, 'neverWas')
    expect(hsm.partitionCounts()).toEqual({ free: free - 1, taken, spent: spent + 1 })
  })
})
