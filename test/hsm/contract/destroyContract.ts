import type { Hsm, WrappedVaultKeys } from '../../../lib/hsm/hsm.ts'
import { aMaterial, aVault, altered, coded } from './fixtures.ts'
import { aRecipient, aWrappingKey, toTakeOut } from './importer.ts'

const message = Buffer.from('before the destruction')

/** What is left of a vault whose KEKs were destroyed. */
export function destroyContract(openHsm: () => Promise<Hsm> | Hsm): void {
  describe('for a vault that is destroyed', () => {
    let hsm: Hsm

    beforeAll(async () => {
      hsm = await openHsm()
    })

    async function aUsedVault() {
      const context = aMaterial(toTakeOut)
      const wrapped = await hsm.createVaultKeys(aVault())
      const vault = hsm.openVault(aVault(), wrapped)
      const key = await vault.generate(context)
      const ciphertext = await vault.use(context, key, (held) => held.encrypt('AES_256_GCM', message, {}))
      return { context, wrapped, vault, key, ciphertext }
    }

    test('keeps its MAC key, so that its rows still verify', async () => {
      const { wrapped, vault } = await aUsedVault()
      const mac = vault.rowMac('row')
      const left = hsm.withoutKeks(aVault(), wrapped)
      const { dataKey: _, ...kept } = wrapped
      expect(left).toEqual({ ...kept, format: left.format, hsmKek: null, softwareKek: null })
      const opened = hsm.openVault(aVault(), JSON.parse(JSON.stringify(left)) as WrappedVaultKeys)
      expect(opened.isRowMac('row', mac)).toBe(true)
      expect(opened.isRowMac('other', mac)).toBe(false)
      expect(vault.isRowMac('row', mac)).toBe(true)
    })

    test('makes, opens, imports and exports nothing any more, by whatever object', async () => {
      const { context, wrapped, vault, key } = await aUsedVault()
      const wrappingKey = await aWrappingKey(vault)
      const { pem } = aRecipient(2048)
      const left = hsm.withoutKeks(aVault(), wrapped)
      for (const each of [vault, hsm.openVault(aVault(), left)]) {
        const attempts: Record<string, () => Promise<unknown>> = {
          use: () => each.use(context, key, () => 'used'),
          generate: () => each.generate(context),
          generateWrappingKey: () => each.generateWrappingKey(wrappingKey.context),
          importWrapped: () => each.importWrapped(context, wrappingKey, 'RSA_OAEP_SHA256', Buffer.alloc(512)),
          exportUnder: () => each.exportUnder(context, key, 'RSA_OAEP_SHA256', pem),
        }
        for (const [name, attempt] of Object.entries(attempts)) {
          const outcome = await attempt().then(
            () => 'done',
            (error: unknown) => error,
          )
          expect([name, outcome]).toEqual([name, coded('integrityFailure')])
          expect(String(outcome)).toContain('were destroyed')
        }
      }
    })

    test('lets work end that has begun', async () => {
      const { context, wrapped, vault, key, ciphertext } = await aUsedVault()
      const destruction = Promise.withResolvers<undefined>()
      const opened = vault.use(context, key, async (held) => {
        await destruction.promise
        return held.decrypt('AES_256_GCM', ciphertext, {})
      })
      hsm.withoutKeks(aVault(), wrapped)
      destruction.resolve(undefined)
      expect(await opened).toEqual(message)
    })

    test('opens while its former keys are kept somewhere, until it is opened without them again', async () => {
      const { context, wrapped, key } = await aUsedVault()
      const left = hsm.withoutKeks(aVault(), wrapped)
      const former = hsm.openVault(aVault(), wrapped)
      expect(await former.use(context, key, () => 'used')).toBe('used')
      hsm.openVault(aVault(), left)
      await expect(former.use(context, key, () => 'used')).rejects.toEqual(coded('integrityFailure'))
    })

    test('takes no other vault along', async () => {
      const [one, other] = [await aUsedVault(), await aUsedVault()]
      hsm.withoutKeks(aVault(), one.wrapped)
      expect(await other.vault.use(other.context, other.key, () => 'used')).toBe('used')
    })

    test('is refused with one KEK gone, in another context, of a format that is to come, or from another HSM', async () => {
      const { wrapped } = await aUsedVault()
      for (const half of [
        { ...wrapped, hsmKek: null },
        { ...wrapped, softwareKek: null },
      ]) {
        expect(() => hsm.openVault(aVault(), half)).toThrow(coded('integrityFailure'))
      }
      const foreign = await (await openHsm()).createVaultKeys(aVault())
      expect(() => hsm.withoutKeks(aVault({ isPrivate: true }), wrapped)).toThrow(coded('integrityFailure'))
      expect(() => hsm.withoutKeks(aVault(), foreign)).toThrow(coded('integrityFailure'))
      const tampered = { ...wrapped, macKey: altered(wrapped.macKey) }
      expect(() => hsm.withoutKeks(aVault(), tampered)).toThrow(coded('integrityFailure'))
      const newer = { ...hsm.withoutKeks(aVault(), wrapped), format: 'vaultspan/vault-keys/2' as typeof wrapped.format }
      expect(() => hsm.openVault(aVault(), newer)).toThrow(
        'has the format "vaultspan/vault-keys/2"; this version reads',
      )
    })
  })

  test('a key that was forgotten ends its work and opens again while its vault lives', async () => {
    const hsm = await openHsm()
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const context = aMaterial()
    const key = await vault.generate(context)
    const ciphertext = await vault.use(context, key, (held) => {
      vault.dropHandle(context, key)
      return held.encrypt('AES_256_GCM', message, {})
    })
    vault.dropHandle(context, key)
    const opened = await vault.use(context, key, (held) => held.decrypt('AES_256_GCM', ciphertext, {}))
    expect(opened).toEqual(message)
    const held = () => vault.use(context, key, (each) => each)
    const before = await held()
    expect(await held()).toBe(before)
    vault.dropHandle(context, key)
    expect(await held()).not.toBe(before)
  })
}
