import type { MaterialContext, TransferContext, UsableKey, VaultContext } from '../../lib/hsm/hsm.ts'
import { realm } from '../../lib/ocid.ts'
import { SeededRandom } from './seededRandom.ts'
import { SimulatedHsm } from './simulatedHsm.ts'

/** What a schedule proves is worth as much as what this HSM refuses. */

const random = new SeededRandom(1)
const hsmOf = (region: string, ...tenancies: string[]) =>
  new SimulatedHsm({
    region,
    random: (length) => random.bytes(length),
    later: async (_label, effect) => effect(),
    tenancies: new Set(tenancies),
    identityHeads: new Map(),
  })
const [here, there, stranger] = [hsmOf('here', 't1', 't2'), hsmOf('there', 't1', 't2'), hsmOf('there')]
const vault: VaultContext = { realm, tenancyId: 't1', vaultId: 'v1', isPrivate: true }
const material: MaterialContext = {
  keyId: 'k1',
  materialId: '0'.repeat(32),
  shape: { algorithm: 'AES', length: 32 },
  protectionMode: 'HSM',
  isExportable: false,
}
const refused = expect.objectContaining({ code: 'integrityFailure' }) as Error

async function opened() {
  const wrapped = await here.createVaultKeys(vault)
  const keys = here.openVault(vault, wrapped)
  return { wrapped, keys, key: await keys.generate(material) }
}

test.each([{ tenancyId: 't2' }, { vaultId: 'v2' }, { isPrivate: false }])(
  'a vault opens for no other than %j',
  async (other) => {
    const { wrapped } = await opened()
    expect(() => here.openVault({ ...vault, ...other }, wrapped)).toThrow(refused)
    expect(() => there.openVault(vault, wrapped)).toThrow(refused)
  },
)

test.each([{ keyId: 'k2' }, { materialId: '1'.repeat(32) }, { protectionMode: 'SOFTWARE' }] as const)(
  'material is used for no other than its own key: %j',
  async (other) => {
    const { keys, key } = await opened()
    await expect(keys.use({ ...material, ...other }, key, () => undefined)).rejects.toThrow(refused)
  },
)

test('an altered blob, a row of another vault and keys without their KEKs are refused', async () => {
  const { wrapped, keys, key } = await opened()
  const other = await opened()
  await expect(keys.use(material, { ...key, blob: other.key.blob }, () => undefined)).rejects.toThrow(refused)
  expect(keys.isRowMac('row', other.keys.rowMac('row'))).toBe(false)
  expect(keys.isRowMac('altered', keys.rowMac('row'))).toBe(false)
  const destroyed = here.openVault(vault, here.withoutKeks(vault, wrapped))
  await expect(destroyed.use(material, key, () => undefined)).rejects.toThrow(refused)
  expect(destroyed.isRowMac('row', keys.rowMac('row'))).toBe(true)
})

test('a ciphertext opens with its key and associated data alone', async () => {
  const { keys, key } = await opened()
  const other = await opened()
  const plaintext = Buffer.from('text')
  const within = <T>(work: (usable: UsableKey) => T) => keys.use(material, key, work)
  const ciphertext = await within((usable) => usable.encrypt('AES_256_GCM', plaintext, { for: 'me' }))
  expect(await within((usable) => usable.decrypt('AES_256_GCM', ciphertext, { for: 'me' }))).toEqual(plaintext)
  await expect(within((usable) => usable.decrypt('AES_256_GCM', ciphertext, {}))).rejects.toThrow('does not open')
  const useOther = other.keys.use(material, other.key, (usable) =>
    usable.decrypt('AES_256_GCM', ciphertext, { for: 'me' }),
  )
  await expect(useOther).rejects.toThrow('does not open')
})

test('a signature is its region’s own, over these bytes, for a tenancy that is known', async () => {
  const bytes = Buffer.from('said')
  const signature = await here.sign(bytes)
  expect(await there.isSignedBy(here.statement('t1'), bytes, signature)).toBe(true)
  expect(await there.isSignedBy(there.statement('t1'), bytes, signature)).toBe(false)
  expect(await there.isSignedBy(here.statement('t1'), Buffer.from('other'), signature)).toBe(false)
  expect(await there.isSignedBy({ ...here.statement('t1'), tenancyId: 't2' }, bytes, signature)).toBe(false)
  expect(await stranger.isSignedBy(here.statement('t1'), bytes, signature)).toBe(false)
})

test('a vault’s keys cross to the region that they were wrapped for, and to no other transfer', async () => {
  const { wrapped, keys } = await opened()
  const context: TransferContext = { ...vault, source: 'here', destination: 'there', epoch: '1' }
  const transport = await there.createTransportKey(context)
  const bundle = await here.exportVaultKeys(context, wrapped, transport.offer)
  const arrived = there.openVault(vault, await there.importVaultKeys(context, bundle, transport))
  expect(arrived.isRowMac('row', keys.rowMac('row'))).toBe(true)
  const again = await there.createTransportKey(context)
  await expect(there.importVaultKeys(context, bundle, again)).rejects.toThrow(refused)
  const ofOther = { ...context, vaultId: 'v2' }
  await expect(here.exportVaultKeys(ofOther, wrapped, transport.offer)).rejects.toThrow(refused)
})
