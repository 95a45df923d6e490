import { placeOf } from './backupStory.ts'
import type { PrivateVault } from './deletionStory.ts'
import { home, other } from './deployment.ts'
import { text, until, type Stage } from './stage.ts'

/** A vault that was destroyed, brought back from the bucket: anew in the other region, as it was in its own. */
export function restoreStory(stage: Stage, vaults: () => { readonly ending: PrivateVault }): void {
  const restore = async (region: string) => {
    const restoreVaultFromObjectStoreDetails = { backupLocation: placeOf('vault.json') }
    const details = { compartmentId: stage.tenancyId, restoreVaultFromObjectStoreDetails }
    return (await stage.vaults(region).restoreVaultFromObjectStore(details)).vault
  }

  test('in the other region the backup makes a vault and a key with OCIDs of their own, which open what the old ones encrypted', async () => {
    const { vault, secret } = vaults().ending
    const restored = await restore(other)
    expect(restored).toMatchObject({ restoredFromVaultId: vault.id, lifecycleState: 'ACTIVE', isPrimary: true })
    expect(restored.id).not.toBe(vault.id)
    expect(restored.cryptoEndpoint).toContain(`.kms.${other}.`)
    const { items } = await stage.keys(restored).listKeys({ compartmentId: stage.tenancyId })
    const [copy, ...others] = items.map(({ id }) => id)
    expect(others).toEqual([])
    const { key } = await stage.keys(restored).getKey({ keyId: copy ?? '' })
    expect(key).toMatchObject({ restoredFromKeyId: secret.keyId, lifecycleState: 'ENABLED', vaultId: restored.id })
    expect(key.id).not.toBe(secret.keyId)
    expect(await stage.decrypt(restored, { ...secret, keyId: key.id })).toBe(text)
    await expect(restore(other)).rejects.toMatchObject({ statusCode: 409, serviceCode: 'Conflict' })
  })

  test('in its own region the vault comes back under its OCID, opens what it had encrypted, and replicates again', async () => {
    const { vault, secret } = vaults().ending
    const restored = await restore(home)
    expect(restored).toMatchObject({ id: vault.id, lifecycleState: 'ACTIVE', cryptoEndpoint: vault.cryptoEndpoint })
    await until(() => stage.opens(restored, secret))
    expect(await stage.decrypt(restored, secret)).toBe(text)
    const replica = await stage.replicate(restored)
    await until(() => stage.opens(replica, secret))
    expect(await stage.decrypt(replica, secret)).toBe(text)
  })
}
