import type { ProvisionedHsm } from '../../../lib/hsm/provisionedHsm.ts'
import { openBackend } from './backends.ts'
import { aMaterial, aTransfer, aVault, coded, tenancyId } from './fixtures.ts'

const message = Buffer.from('before the rotation')
const contexts = {
  'a virtual vault': aVault(),
  'a private vault': aVault({ isPrivate: true, vaultId: 'ocid1.vault.oc1.eu-test-1.v.private' }),
} as const

/** What every backend does alike when its root is rotated. `reopened`: as after a restart. */
export function rotationContract(open: () => ProvisionedHsm, reopened: (hsm: ProvisionedHsm) => ProvisionedHsm): void {
  describe('a rotation of the root', () => {
    let hsm: ProvisionedHsm
    beforeEach(() => {
      hsm = open()
    })

    test.each(Object.entries(contexts))(
      'keeps %s open all the time, and the former root’s rows open no more at its end',
      async (_kind, context) => {
        const former = await hsm.createVaultKeys(context)
        const vault = hsm.openVault(context, former)
        const key = await vault.generate(aMaterial())
        const ciphertext = await vault.use(aMaterial(), key, (used) => used.encrypt('AES_256_GCM', message, {}))
        const mac = vault.rowMac('row')
        const opens = async (row: typeof former) => {
          const opened = hsm.openVault(context, row)
          expect(opened.isRowMac('row', mac)).toBe(true)
          return opened.use(aMaterial(), key, (used) => used.decrypt('AES_256_GCM', ciphertext, {}))
        }
        expect(hsm.rotation.isRotating()).toBe(false)
        expect(hsm.rotation.rewrapVaultKeys(context, former)).toBeUndefined()
        await hsm.rotation.begin()
        hsm = reopened(hsm)
        // Again does not make a third root, under which the first one's rows were lost.
        await hsm.rotation.begin()
        expect(await opens(former)).toEqual(message)
        const next = hsm.rotation.rewrapVaultKeys(context, former)
        if (next === undefined) throw new Error('It is under the former root.')
        expect(next.format).toBe(former.format)
        expect([await opens(next), await opens(former)]).toEqual([message, message])
        expect(hsm.rotation.rewrapVaultKeys(context, next)).toBeUndefined()
        hsm = reopened(hsm)
        expect(await opens(next)).toEqual(message)
        expect(hsm.rotation.isRotating()).toBe(true)
        const destroyed = hsm.withoutKeks(context, former)
        hsm.openVault(context, next)
        const gone = hsm.rotation.rewrapVaultKeys(context, destroyed)
        expect(gone).toMatchObject({ hsmKek: null, softwareKek: null })
        await hsm.rotation.end()
        for (const again of [hsm, reopened(hsm)]) {
          hsm = again
          expect(hsm.rotation.isRotating()).toBe(false)
          expect(await opens(next)).toEqual(message)
          await expect(opens(former)).rejects.toEqual(coded('integrityFailure'))
          if (gone !== undefined) expect(hsm.openVault(context, gone).isRowMac('row', mac)).toBe(true)
        }
      },
    )

    test.each(Object.entries(contexts))(
      'wraps each key of %s anew that is under the former root, also where the others are not, and lets go of what was open',
      async (_kind, context) => {
        const former = await hsm.createVaultKeys(context)
        const mac = hsm.openVault(context, former).rowMac('row')
        await hsm.rotation.begin()
        const next = hsm.rotation.rewrapVaultKeys(context, former) ?? former
        const names = ['hsmKek', 'softwareKek', 'macKey'] as const
        const moved = names.map((name) => hsm.rotation.rewrapVaultKeys(context, { ...next, [name]: former[name] }))
        await hsm.rotation.end()
        for (const each of moved) expect(each && hsm.openVault(context, each).isRowMac('row', mac)).toBe(true)
        expect(() => hsm.openVault(context, former)).toThrow(coded('integrityFailure'))
      },
    )

    test('makes what is new under the new root, and is refused for a row of another vault, or of a format that is to come', async () => {
      const context = aVault()
      const former = await hsm.createVaultKeys(context)
      await hsm.rotation.begin()
      const young = await hsm.createVaultKeys(context)
      expect(hsm.rotation.rewrapVaultKeys(context, young)).toBeUndefined()
      expect(() => hsm.rotation.rewrapVaultKeys(aVault({ vaultId: 'other' }), former)).toThrow(
        coded('integrityFailure'),
      )
      const format = 'vaultspan/vault-keys/2' as typeof former.format
      for (const row of [former, { ...former, hsmKek: null, softwareKek: null }])
        expect(() => hsm.rotation.rewrapVaultKeys(context, { ...row, format })).toThrow('this version reads')
    })

    test('takes a transport key along, which then opens its bundle', async () => {
      const away = openBackend('software', 'us-test-1')
      const root = away.createTenancyRoot(tenancyId)
      await hsm.acceptStatement(root, away.issueStatement(tenancyId, hsm.region, hsm.identityPublicKey))
      const context = aTransfer({ source: away.region, destination: hsm.region })
      const offered = await hsm.createTransportKey(context)
      await hsm.rotation.begin()
      const keys = await away.createVaultKeys(aVault())
      const bundle = await away.exportVaultKeys(context, keys, offered.offer)
      expect(await hsm.importVaultKeys(context, bundle, offered)).toBeDefined()
      const moved = hsm.rotation.rewrapTransportKey(offered)
      if (moved === undefined) throw new Error('It is under the former root.')
      expect(hsm.rotation.rewrapTransportKey(moved)).toBeUndefined()
      await hsm.rotation.end()
      hsm = reopened(hsm)
      const mac = away.openVault(aVault(), keys).rowMac('row')
      const imported = await hsm.importVaultKeys(context, bundle, moved)
      expect(hsm.openVault(aVault(), imported).isRowMac('row', mac)).toBe(true)
      await expect(hsm.importVaultKeys(context, bundle, offered)).rejects.toEqual(coded('integrityFailure'))
    })
  })
}
