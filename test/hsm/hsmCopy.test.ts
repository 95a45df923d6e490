import type { HsmChange } from '../../lib/hsm/software/hsmCopy.ts'
import { MemoryState } from '../../lib/hsm/software/hsmState.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'

/** A copy of an HSM in another thread of its process. */

const place = { region: 'us-ashburn-1', realm: 'oc1' } as const
const context = {
  realm: 'oc1',
  tenancyId: 'ocid1.tenancy.oc1..t',
  vaultId: 'ocid1.vault.oc1.iad.p.v',
  isPrivate: false,
}
const material = {
  keyId: 'ocid1.key.oc1.iad.p.k',
  materialId: '0123456789abcdef0123456789abcdef',
  shape: { algorithm: 'AES', length: 32 },
  protectionMode: 'HSM',
  isExportable: false,
} as const

function copied() {
  const changes: HsmChange[] = []
  const hsm = openSoftwareHsm({ ...place, onChange: (change) => changes.push(change) })
  const copy = openSoftwareHsm({ ...place, store: new MemoryState(hsm.copiedState()) })
  const follow = () => {
    for (const change of changes.splice(0)) copy.follow(change)
  }
  return { hsm, copy, changes, follow }
}

test('opens what the HSM has made, until the HSM has destroyed the vault’s keys', async () => {
  const { hsm, copy, follow } = copied()
  const wrapped = await hsm.createVaultKeys(context)
  const key = await hsm.openVault(context, wrapped).generate(material)
  const vault = copy.openVault(context, wrapped)
  expect(await vault.use(material, key, () => 'used')).toBe('used')
  hsm.openVault(context, wrapped)
  hsm.withoutKeks(context, wrapped)
  follow()
  await expect(vault.use(material, key, () => 'used')).rejects.toThrow(/destroyed/)
  // A replica that is made again, or a vault that is restored, has the row that it had.
  expect(await copy.openVault(context, wrapped).use(material, key, () => 'used')).toBe('used')
})

test('lets go of a key of which the HSM has let go', async () => {
  const { hsm, copy, follow } = copied()
  const wrapped = await hsm.createVaultKeys(context)
  const vault = hsm.openVault(context, wrapped)
  const key = await vault.generate(material)
  const opened = () => copy.openVault(context, wrapped).use(material, key, (held) => held)
  const before = await opened()
  expect(await opened()).toBe(before)
  vault.dropHandle(material, key)
  follow()
  expect(await opened()).not.toBe(before)
})

test('knows a tenancy that the HSM was told of later, how far its identity went, and not its root’s private key', () => {
  const { hsm, copy, changes, follow } = copied()
  const { tenancyId } = context
  const root = hsm.createTenancyRoot(tenancyId)
  hsm.advanceIdentityHead(tenancyId, 7)
  expect(JSON.stringify(changes)).not.toContain('PRIVATE KEY')
  follow()
  expect(copy.trustRoot(tenancyId)).toBe(root)
  expect(copy.identityHead(tenancyId)).toBe(7)
  expect(() => copy.issueStatement(tenancyId, 'us-phoenix-1', root)).toThrow('is not in this region')
  expect(JSON.stringify(hsm.copiedState().tenancies)).not.toContain('PRIVATE KEY')
})

test('opens what is under a new root, and what is still under the former one', async () => {
  const { hsm, copy, follow } = copied()
  const former = await hsm.createVaultKeys(context)
  await hsm.rotation.begin()
  const next = hsm.rotation.rewrapVaultKeys(context, former)
  if (next === undefined) throw new Error('It is under the former root.')
  expect(() => copy.openVault(context, next)).toThrow('were not wrapped by this HSM')
  follow()
  copy.openVault(context, next)
  copy.openVault(context, former)
  await hsm.rotation.end()
  follow()
  expect(() => copy.openVault(context, { ...former, softwareKek: next.softwareKek })).toThrow('were not wrapped')
})

test('takes what it was told before it opens a vault', async () => {
  const changes: HsmChange[] = []
  const hsm = openSoftwareHsm({ ...place, onChange: (change) => changes.push(change) })
  const copy = openSoftwareHsm({
    ...place,
    store: new MemoryState(hsm.copiedState()),
    beforeOpening: () => {
      for (const change of changes.splice(0)) copy.follow(change)
    },
  })
  await hsm.rotation.begin()
  copy.openVault(context, await hsm.createVaultKeys(context))
})

test('never forgets how far a tenancy’s identity went', () => {
  const { hsm, copy, changes, follow } = copied()
  const { tenancyId } = context
  hsm.createTenancyRoot(tenancyId)
  follow()
  hsm.advanceIdentityHead(tenancyId, 5)
  const [older] = changes.splice(0)
  copy.advanceIdentityHead(tenancyId, 9)
  if (older !== undefined) copy.follow(older)
  expect(copy.identityHead(tenancyId)).toBe(9)
})
