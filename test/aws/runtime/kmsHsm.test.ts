import { KmsError } from '../../../lib/errors.ts'
import { KmsHsm } from '../../../lib/aws/kms/kmsHsm.ts'
import { fromKms, rewrapped, underKms } from '../../../lib/aws/kms/wrappedKeks.ts'
import type { VaultContext, VaultKeys, WrappedKey, WrappedVaultKeys } from '../../../lib/hsm/hsm.ts'
import { MemoryState, newState } from '../../../lib/hsm/software/hsmState.ts'
import { openSoftwareHsm } from '../../../lib/hsm/software/softwareHsm.ts'
import { aMaterial, aTransfer, aVault, coded, realm, tenancyId } from '../../hsm/contract/fixtures.ts'
import { hsmContract } from '../../hsm/contract/hsmContract.ts'
import { aKeyService, type TestKeyService } from '../../harness/aKeyService.ts'
import { knownRsaPair } from '../../harness/knownRsaPair.ts'

const region = 'eu-test-1'
const state = newState(region)

/** An instance of a function: every one has the region's state, and not every one may ask the key service. */
function anInstance(keys: TestKeyService, resourcePrefix = 'vaultspan-test'): KmsHsm {
  return new KmsHsm(root(), { keys, region, resourcePrefix })
}

function root() {
  return openSoftwareHsm({ realm, region, store: new MemoryState(state) })
}

// The simulated HSM itself is under this contract with fresh RSA pairs.
hsmContract(
  'the simulated HSM under a key service',
  () =>
    new KmsHsm(openSoftwareHsm({ realm, region, generateRsa: knownRsaPair }), {
      keys: aKeyService(),
      region,
      resourcePrefix: 'vaultspan-test',
    }),
)

let keys: TestKeyService
beforeEach(() => {
  keys = aKeyService()
})

const material = aMaterial({ protectionMode: 'HSM' })
const denied = new Error('AccessDeniedException')
const stored = (wrapped: WrappedVaultKeys) => JSON.parse(JSON.stringify(wrapped)) as WrappedVaultKeys

async function aUsedVault(hsm = anInstance(keys), context: VaultContext = aVault()) {
  const wrapped = stored(await hsm.createVaultKeys(context))
  const vault = hsm.openVault(context, wrapped)
  const key = await vault.generate(material)
  const ciphertext = await vault.use(material, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('x'), {}))
  return { wrapped, key, ciphertext, mac: vault.rowMac('row') }
}

async function decrypted(vault: VaultKeys, key: WrappedKey, ciphertext: Buffer): Promise<string> {
  return String(await vault.use(material, key, (held) => held.decrypt('AES_256_GCM', ciphertext, {})))
}

test('an instance that may not ask the key service verifies the rows of every vault and opens none of its keys', async () => {
  const { wrapped, key, mac } = await aUsedVault()
  keys.calls.length = 0
  keys.refuses = denied
  const listing = anInstance(keys).openVault(aVault(), wrapped)
  expect(listing.isRowMac('row', mac)).toBe(true)
  expect(keys.calls).toEqual([])
  await expect(listing.use(material, key, () => 'used')).rejects.toBe(denied)
  await expect(listing.generate(material)).rejects.toBe(denied)
})

test('the state of the HSM and the row of the keys do not open them, whatever format the row claims', async () => {
  const { wrapped } = await aUsedVault()
  const { dataKey: _, ...without } = wrapped
  const claimed: WrappedVaultKeys = { ...without, format: 'vaultspan/vault-keys/1' }
  expect(() => root().openVault(aVault(), claimed)).toThrow(coded('integrityFailure'))
  expect(() => root().openVault(aVault(), wrapped)).toThrow(coded('integrityFailure'))
})

test('each vault has an encryption context of its own', async () => {
  const context = aVault()
  await aUsedVault()
  const of = {
    'vaultspan:purpose': 'vault-keks',
    'vaultspan:deployment': 'vaultspan-test',
    'vaultspan:region': region,
    'vaultspan:tenancy': context.tenancyId,
    'vaultspan:vault': context.vaultId,
  }
  expect(keys.calls).toEqual([
    { action: 'generate', context: of },
    { action: 'decrypt', context: of },
  ])
})

test('a vault asks once for each instance, however many calls come at once', async () => {
  const { wrapped, key, ciphertext } = await aUsedVault()
  keys.calls.length = 0
  const hsm = anInstance(keys)
  const opened = await Promise.all(
    Array.from({ length: 10 }, () => decrypted(hsm.openVault(aVault(), stored(wrapped)), key, ciphertext)),
  )
  expect(new Set(opened)).toEqual(new Set(['x']))
  expect(keys.calls).toHaveLength(1)
})

test('a key service that failed is asked again by the next call', async () => {
  const { wrapped, key, ciphertext } = await aUsedVault()
  const vault = anInstance(keys).openVault(aVault(), wrapped)
  keys.refuses = new KmsError('unavailable', 'Later.')
  await expect(decrypted(vault, key, ciphertext)).rejects.toBe(keys.refuses)
  keys.refuses = undefined
  expect(await decrypted(vault, key, ciphertext)).toBe('x')
})

test.each([
  ['of another vault', (one: WrappedVaultKeys, other: WrappedVaultKeys) => ({ ...one, dataKey: other.dataKey ?? '' })],
  ['that is missing', ({ dataKey: _, ...one }: WrappedVaultKeys) => one],
])('a data key %s opens nothing', async (_what, change) => {
  const { wrapped, key } = await aUsedVault()
  const { wrapped: other } = await aUsedVault(
    anInstance(keys),
    aVault({ vaultId: 'ocid1.vault.oc1.eu-test-1.v.other' }),
  )
  const hsm = anInstance(keys)
  // Nor where the vault is open by its own.
  await hsm.openVault(aVault(), wrapped).use(material, key, () => 'used')
  const used = async () => hsm.openVault(aVault(), change(wrapped, other)).use(material, key, () => 'used')
  await expect(used()).rejects.toEqual(coded('integrityFailure'))
})

test('the keys of another stage of the same region do not open', async () => {
  const { wrapped, key } = await aUsedVault()
  const vault = anInstance(keys, 'vaultspan-other').openVault(aVault(), wrapped)
  await expect(vault.use(material, key, () => 'used')).rejects.toEqual(coded('integrityFailure'))
})

test('what an older version stored opens as it did; put under the key service it opens the same ciphertexts, and not without', async () => {
  const old = root()
  const wrapped = stored(await old.createVaultKeys(aVault()))
  const before = old.openVault(aVault(), wrapped)
  const key = await before.generate(material)
  const ciphertext = await before.use(material, key, (held) => held.encrypt('AES_256_GCM', Buffer.from('x'), {}))
  const hsm = anInstance(keys)
  expect(await decrypted(hsm.openVault(aVault(), wrapped), key, ciphertext)).toBe('x')
  expect(keys.calls).toEqual([])
  const upgraded = stored(await hsm.underKms(aVault(), wrapped))
  expect(upgraded).toMatchObject({ format: 'vaultspan/vault-keys/1+kms', macKey: wrapped.macKey })
  expect(await hsm.underKms(aVault(), upgraded)).toBe(upgraded)
  // Nothing is opened for it: who may make data keys alone can do it.
  expect(keys.calls.map(({ action }) => action)).toEqual(['generate'])
  for (const each of [hsm, anInstance(keys)])
    expect(await decrypted(each.openVault(aVault(), upgraded), key, ciphertext)).toBe('x')
  keys.refuses = denied
  await expect(decrypted(anInstance(keys).openVault(aVault(), upgraded), key, ciphertext)).rejects.toBe(denied)
})

describe('what is under a data key', () => {
  /** One data key for whatever context, as if the service did not look at it: what is left is what we bind ourselves. */
  function careless() {
    const given: Buffer[] = []
    const give = () => {
      const key = Buffer.alloc(32, 7)
      given.push(key)
      return key
    }
    const keys = {
      generateDataKey: async () => ({ plaintext: give(), wrapped: Buffer.from('data key') }),
      decrypt: async () => give(),
      reEncrypt: async (wrapped: Uint8Array) => wrapped,
    }
    return { given, ports: { keys, region, resourcePrefix: 'vaultspan-test' } }
  }

  const otherwise = expect.stringContaining('were not wrapped for this vault') as unknown

  test.each<[string, Partial<VaultContext>]>([
    ['realm', { realm: 'oc2' }],
    ['tenancy', { tenancyId: 'ocid1.tenancy.oc1..other' }],
    ['vault', { vaultId: 'ocid1.vault.oc1.eu-test-1.v.other' }],
    ['privacy', { isPrivate: true }],
  ])('opens for its own %s alone, whatever the key service gives out', async (_what, change) => {
    const { ports } = careless()
    const plain = await root().createVaultKeys(aVault())
    const wrapped = await underKms(ports, aVault(), plain)
    await expect(fromKms(ports, aVault(change), wrapped)).rejects.toMatchObject({ message: otherwise })
    expect(await fromKms(ports, aVault(), wrapped)).toMatchObject({ hsmKek: plain.hsmKek })
  })

  test('does not open in the other KEK’s place', async () => {
    const { ports } = careless()
    const wrapped = await underKms(ports, aVault(), await root().createVaultKeys(aVault()))
    const { hsmKek, softwareKek } = wrapped
    for (const exchanged of [
      { ...wrapped, hsmKek: softwareKek, softwareKek: hsmKek },
      { ...wrapped, hsmKek: softwareKek },
      { ...wrapped, softwareKek: hsmKek },
    ])
      await expect(fromKms(ports, aVault(), exchanged)).rejects.toMatchObject({ message: otherwise })
  })

  test('is refused where its row has a format that is to come, and wrapped anew only where a data key wraps it', async () => {
    const { ports } = careless()
    const plain = await root().createVaultKeys(aVault())
    const wrapped = await underKms(ports, aVault(), plain)
    const format = 'vaultspan/vault-keys/2+kms' as WrappedVaultKeys['format']
    for (const work of [underKms, rewrapped, fromKms])
      await expect(work(ports, aVault(), { ...wrapped, format })).rejects.toThrow('this version reads')
    expect(await rewrapped(ports, aVault(), plain)).toBe(plain)
  })

  test('leaves no data key in the process, wrapped, opened or refused', async () => {
    const { given, ports } = careless()
    const wrapped = await underKms(ports, aVault(), await root().createVaultKeys(aVault()))
    await fromKms(ports, aVault(), wrapped)
    await expect(fromKms(ports, aVault({ isPrivate: true }), wrapped)).rejects.toEqual(coded('integrityFailure'))
    const cut = { ...wrapped, hsmKek: '' }
    await expect(fromKms(ports, aVault(), cut)).rejects.toEqual(coded('integrityFailure'))
    expect(given.map((key) => key.every((byte) => byte === 0))).toEqual([true, true, true, true])
  })
})

test('KEKs that are destroyed while they are being opened are not used, and no data key is left of them', async () => {
  const { wrapped, key } = await aUsedVault()
  const hsm = anInstance(keys)
  const vault = hsm.openVault(aVault(), wrapped)
  const use = vault.use(material, key, () => 'used')
  const left = hsm.withoutKeks(aVault(), wrapped)
  expect(left).toEqual({
    format: 'vaultspan/vault-keys/1',
    hsmKek: null,
    softwareKek: null,
    macKey: wrapped.macKey,
  })
  await expect(use).rejects.toThrow('were destroyed')
  keys.calls.length = 0
  await expect(vault.generate(material)).rejects.toThrow('were destroyed')
  expect(keys.calls).toEqual([])
  expect(await hsm.underKms(aVault(), left)).toEqual(left)
})

test('keys that cross to another region, and keys that are restored, are under that region’s key service', async () => {
  const there = aKeyService()
  const [source, destination] = [openSoftwareHsm({ realm, region }), openSoftwareHsm({ realm, region: 'us-test-1' })]
  const trustRoot = source.createTenancyRoot(tenancyId)
  const statement = source.issueStatement(tenancyId, 'us-test-1', destination.identityPublicKey)
  await destination.acceptStatement(trustRoot, statement)
  const home = new KmsHsm(source, { keys, region, resourcePrefix: 'vaultspan-test' })
  const away = new KmsHsm(destination, { keys: there, region: 'us-test-1', resourcePrefix: 'vaultspan-test' })

  const { wrapped, key, ciphertext } = await aUsedVault(home)
  const transport = await away.createTransportKey(aTransfer())
  const bundle = await home.exportVaultKeys(aTransfer(), wrapped, transport.offer)
  const arrived = await away.importVaultKeys(aTransfer(), bundle, transport)
  expect(arrived.format).toBe('vaultspan/vault-keys/1+kms')
  expect(there.calls).toMatchObject([{ action: 'generate', context: { 'vaultspan:region': 'us-test-1' } }])
  expect(await decrypted(away.openVault(aVault(), arrived), key, ciphertext)).toBe('x')

  const under = { context: aVault({ vaultId: 'backup', isPrivate: true }) }
  const backup = { ...under, wrapped: await home.createVaultKeys(under.context) }
  const saved = await home.backUpVaultKeys(backup, { context: aVault(), wrapped })
  const restored = await home.restoreVaultKeys(backup, aVault(), saved, aVault())
  expect(restored.format).toBe('vaultspan/vault-keys/1+kms')
  expect(await decrypted(home.openVault(aVault(), restored), key, ciphertext)).toBe('x')
})
