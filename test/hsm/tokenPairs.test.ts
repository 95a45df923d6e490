import { createPublicKey } from 'node:crypto'
import type { KeyShape, SigningAlgorithm } from '../../lib/hsm/hsm.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { aMaterial, aTransfer, aVault, ecdsaShapes, realm, rsa2048, tenancyId } from './fixtures.ts'
import { describeWithToken, tokenHsm } from './softHsm.ts'

// The contract's RSA pairs come from a fixture; these the token makes, and others open.
describeWithToken('a pair that the token makes', () => {
  const message = Buffer.from('signed there, verified here')

  test.each([
    ['RSA', rsa2048, 'SHA_256_RSA_PKCS_PSS'],
    ['ECDSA', ecdsaShapes.NIST_P521, 'ECDSA_SHA_512'],
  ] satisfies [string, KeyShape, SigningAlgorithm][])(
    'is %s that signs, and after the transfer under a pair of the token signs elsewhere too',
    async (_name, shape, algorithm) => {
      const source = tokenHsm({ allowsSoftwareReplicas: true })
      const away = openSoftwareHsm({ realm, region: 'us-test-1' })
      const root = source.createTenancyRoot(tenancyId)
      await away.acceptStatement(root, source.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
      const context = aMaterial({ shape })
      const keys = await source.createVaultKeys(aVault())
      const wrapped = await source.openVault(aVault(), keys).generate(context)
      const transport = await away.createTransportKey(aTransfer())
      const bundle = await source.exportVaultKeys(aTransfer(), keys, transport.offer)
      const there = away.openVault(aVault(), await away.importVaultKeys(aTransfer(), bundle, transport))
      const signAt = (vault: typeof there) => vault.use(context, wrapped, (key) => key.sign(algorithm, 'RAW', message))
      for (const vault of [source.openVault(aVault(), keys), there]) {
        const signature = await signAt(vault)
        const isValid = await there.use(context, wrapped, (key) => key.verify(algorithm, 'RAW', message, signature))
        expect(isValid).toBe(true)
      }
    },
  )

  test('carries a vault from a region without a token into it', async () => {
    const home = openSoftwareHsm({ realm, region: 'eu-test-1' })
    const away = tokenHsm({ region: 'us-test-1' })
    const root = home.createTenancyRoot(tenancyId)
    await away.acceptStatement(root, home.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
    const keys = await home.createVaultKeys(aVault())
    const transport = await away.createTransportKey(aTransfer())
    expect(transport.offer).toMatchObject({ keeper: 'token', wraps: ['oaep-sha1'] })
    expect(createPublicKey(transport.offer.publicKey).asymmetricKeyDetails?.modulusLength).toBe(3072)
    const bundle = await home.exportVaultKeys(aTransfer(), keys, transport.offer)
    expect(bundle.format).toBe('vaultspan/transfer-bundle/1+oaep-sha1')
    const imported = await away.importVaultKeys(aTransfer(), bundle, transport)
    const mac = home.openVault(aVault(), keys).rowMac('row')
    expect(away.openVault(aVault(), imported).isRowMac('row', mac)).toBe(true)
  })

  test('under which callers wrap has 4096 bits', async () => {
    const hsm = tokenHsm()
    const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
    const { publicKey = '' } = await vault.generateWrappingKey({ keyId: 'k', materialId: 'ab'.repeat(16) })
    expect(createPublicKey(publicKey).asymmetricKeyDetails?.modulusLength).toBe(4096)
  })
})

describeWithToken('a vault in a token', () => {
  test('does not go to a region that keeps keys in its process, unless that is allowed', async () => {
    const away = openSoftwareHsm({ realm, region: 'us-test-1' })
    const source = tokenHsm()
    const root = source.createTenancyRoot(tenancyId)
    await away.acceptStatement(root, source.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
    const keys = await source.createVaultKeys(aVault())
    const { offer } = await away.createTransportKey(aTransfer())
    await expect(source.exportVaultKeys(aTransfer(), keys, offer)).rejects.toThrow('PKCS11_SOFTWARE_REPLICAS=on')
    // What it says of itself is signed.
    const claimed = { ...offer, keeper: 'token' } as const
    await expect(source.exportVaultKeys(aTransfer(), keys, claimed)).rejects.toThrow('does not verify')
  })
})
