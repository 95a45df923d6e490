import type { Hsm, MaterialContext, VaultContext, VaultKeysOf } from '../../../lib/hsm/hsm.ts'

const material: MaterialContext = {
  keyId: 'k',
  materialId: '00112233445566778899aabbccddeeff',
  shape: { algorithm: 'AES', length: 32 },
  protectionMode: 'HSM',
  isExportable: false,
}

/** What every backend does alike with backups of a vault's keys. */
export function backupContract(open: () => Promise<Hsm> | Hsm, isPrivate: boolean): void {
  const base = { realm: 'oc1', tenancyId: 't', isPrivate } as const
  const context = (vaultId: string, more: Partial<VaultContext> = {}): VaultContext => ({ ...base, vaultId, ...more })
  let hsm: Hsm
  beforeAll(async () => {
    hsm = await open()
  })
  const of = async (vault: VaultContext): Promise<VaultKeysOf> => ({
    context: vault,
    wrapped: await hsm.createVaultKeys(vault),
  })
  const refused = { code: 'integrityFailure' }
  const refusal = async (work: () => unknown) => {
    try {
      await work()
      return undefined
    } catch (error) {
      return error
    }
  }

  describe('a backup of a vault’s keys', () => {
    test('opens for the same and for another vault, whose keys then open what was under the old one', async () => {
      const [backup, vault] = await Promise.all([of(context('backup')), of(context('v'))])
      const keys = hsm.openVault(vault.context, vault.wrapped)
      const wrapped = await keys.generate(material)
      const ciphertext = await keys.use(material, wrapped, (key) => key.encrypt('AES_256_GCM', Buffer.from('x'), {}))
      const saved = await hsm.backUpVaultKeys(backup, vault)
      const there = context('w')
      const restored = hsm.openVault(there, await hsm.restoreVaultKeys(backup, vault.context, saved, there))
      const to = { ...material, keyId: 'other' }
      const bound = restored.rebind({ vault: vault.context, material }, wrapped, to)
      const opened = await restored.use(to, bound, (key) => key.decrypt('AES_256_GCM', ciphertext, {}))
      expect(opened.toString()).toBe('x')
      expect(restored.isRowMac('row', keys.rowMac('row'))).toBe(true)
      await expect(async () => restored.use(to, wrapped, () => undefined)).rejects.toMatchObject(refused)
    })

    test('opens with no other backup keys, for no other realm, tenancy, kind or vault', async () => {
      const [backup, other, vault] = await Promise.all([of(context('b')), of(context('b')), of(context('v'))])
      const saved = await hsm.backUpVaultKeys(backup, vault)
      const restore = (by: VaultKeysOf, from: VaultContext, to: VaultContext) => () =>
        hsm.restoreVaultKeys(by, from, saved, to)
      expect(await refusal(restore(other, vault.context, vault.context))).toMatchObject(refused)
      expect(await refusal(restore(backup, context('w'), context('w')))).toMatchObject(refused)
      expect(await refusal(restore(backup, vault.context, context('v', { tenancyId: 'u' })))).toMatchObject(refused)
      expect(await refusal(restore(backup, vault.context, context('v', { isPrivate: !isPrivate })))).toMatchObject(
        refused,
      )
      expect(await refusal(() => hsm.backUpVaultKeys(backup, { ...vault, context: context('w') }))).toMatchObject(
        refused,
      )
      expect(await refusal(restore(backup, vault.context, context('v', { realm: 'oc2' })))).toMatchObject(refused)
      const [ofOther, otherKind] = [await of(context('b', { tenancyId: 'u' })), context('v', { isPrivate: !isPrivate })]
      expect(await refusal(() => hsm.backUpVaultKeys(ofOther, vault))).toMatchObject(refused)
      expect(await refusal(restore(backup, otherKind, otherKind))).toMatchObject(refused)
      const newer = { ...saved, format: 'vaultspan/vault-keys-backup/2' as typeof saved.format }
      expect(await refusal(() => hsm.restoreVaultKeys(backup, vault.context, newer, vault.context))).toMatchObject({
        ...refused,
        message: expect.stringContaining('this version reads "vaultspan/vault-keys-backup/1"') as string,
      })
      for (const name of ['hsmKek', 'softwareKek', 'macKey'] as const) {
        const swapped = { ...saved, [name]: name === 'macKey' ? saved.hsmKek : saved.macKey }
        expect(await refusal(() => hsm.restoreVaultKeys(backup, vault.context, swapped, vault.context))).toMatchObject(
          refused,
        )
      }
    })

    test('a blob is bound anew only as it was bound before, and only under another name', async () => {
      const vault = await of(context('v'))
      const keys = hsm.openVault(vault.context, vault.wrapped)
      const wrapped = await keys.generate(material)
      const from = { vault: vault.context, material }
      expect(await refusal(() => keys.rebind({ ...from, vault: context('w') }, wrapped, material))).toMatchObject(
        refused,
      )
      expect(
        await refusal(() => keys.rebind({ ...from, material: { ...material, keyId: 'x' } }, wrapped, material)),
      ).toMatchObject(refused)
      const software = { ...material, protectionMode: 'SOFTWARE', isExportable: true } as const
      expect(await refusal(() => keys.rebind(from, wrapped, software))).toMatchObject(refused)
      const shorter = { ...material, shape: { algorithm: 'AES', length: 16 } } as const
      expect(await refusal(() => keys.rebind(from, wrapped, shorter))).toMatchObject(refused)
    })
  })
}
