import { createPublicKey } from 'node:crypto'
import type { Hsm, VaultKeys, WrappedKey } from '../../../lib/hsm/hsm.ts'
import { aMaterial, aVault, coded } from './fixtures.ts'

const context = { keyId: 'ocid1.key.oc1.eu-test-1.v.wrapping', materialId: 'ab'.repeat(16) }
const asOrdinary = aMaterial({ ...context, shape: { algorithm: 'RSA', length: 512 } })

/** A vault's wrapping key, which must stay apart from its ordinary keys. */
export function wrappingKeyContract(openHsm: () => Promise<Hsm> | Hsm): void {
  describe('for the wrapping key', () => {
    let vault: VaultKeys
    let wrapped: WrappedKey

    beforeAll(async () => {
      const hsm = await openHsm()
      vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
      wrapped = await vault.generateWrappingKey(context)
    })

    test('is an RSA-4096 key with a public half to give away', () => {
      const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(wrapped.publicKey ?? '')
      expect([asymmetricKeyType, asymmetricKeyDetails?.modulusLength]).toEqual(['rsa', 4096])
    })

    test.each(['HSM', 'SOFTWARE'] as const)('does not open as an ordinary key (%s)', async (protectionMode) => {
      for (const isExportable of [false, true]) {
        const used = vault.use({ ...asOrdinary, protectionMode, isExportable }, wrapped, () => 'used')
        await expect(used).rejects.toEqual(coded('integrityFailure'))
      }
    })

    test('refuses to be made without a proper material id', async () => {
      await expect(vault.generateWrappingKey({ ...context, materialId: 'AB' })).rejects.toThrow('32 lower-case')
    })
  })
}
