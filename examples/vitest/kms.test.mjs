import common from 'oci-common'
import keymanagement from 'oci-keymanagement'
import { startVaultspan } from 'vaultspan'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

describe('a payment service', () => {
  let kms
  let auth
  const at = (Client, endpoint) => {
    const client = new Client({ authenticationDetailsProvider: auth })
    client.endpoint = endpoint
    return client
  }

  beforeAll(async () => {
    kms = await startVaultspan()
    auth = new common.ConfigFileAuthenticationDetailsProvider(kms.configFile)
  })
  afterAll(() => kms.close())

  test('decrypts in the other region when its own is lost', async () => {
    const compartmentId = kms.tenancyId
    const vaults = at(keymanagement.KmsVaultClient, kms.endpoint())
    const { vault } = await vaults.createVault({
      createVaultDetails: { compartmentId, displayName: 'payments', vaultType: 'VIRTUAL_PRIVATE' },
    })
    const vaultId = vault.id
    await vaults.createVaultReplica({ vaultId, createVaultReplicaDetails: { replicaRegion: 'us-phoenix-1' } })
    await kms.idle()

    const keys = at(keymanagement.KmsManagementClient, vault.managementEndpoint)
    const keyShape = { algorithm: 'AES', length: 32 }
    const { key } = await keys.createKey({ createKeyDetails: { compartmentId, displayName: 'cards', keyShape } })
    const plaintext = Buffer.from('4111 1111').toString('base64')
    const { encryptedData } = await at(keymanagement.KmsCryptoClient, vault.cryptoEndpoint).encrypt({
      encryptDataDetails: { keyId: key.id, plaintext },
    })

    const other = at(keymanagement.KmsVaultClient, kms.endpoint('us-phoenix-1'))
    const replica = (await other.getVault({ vaultId })).vault
    await kms.faults.cut('us-ashburn-1')
    const { decryptedData } = await at(keymanagement.KmsCryptoClient, replica.cryptoEndpoint).decrypt({
      decryptDataDetails: { keyId: key.id, ciphertext: encryptedData.ciphertext },
    })
    expect(decryptedData.plaintext).toBe(plaintext)
    await kms.faults.heal()
  })
})
